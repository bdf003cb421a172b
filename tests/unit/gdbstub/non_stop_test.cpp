// Non-stop mode. A line `←% TEXT` is a notification that is expected next.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "gdbstub/hex.hpp"
#include "gdbstub/packet.hpp"
#include "tests/support/transcript.hpp"

using namespace gdb;
using namespace gdb::test;

namespace {

void prepare(FakeTarget& target) {
  for (const auto& row : x86::register_table()) target.unreadable.insert(row.reg);
  target.has_non_stop = true;
}

// Actions `stop N` (a breakpoint's), `exit` and `say`; the calls after attach and `non-stop true` are `calls`.
Play expecting(std::vector<std::string> calls) {
  Play around;
  around.prepare = prepare;
  for (const ThreadId thread : {1U, 2U}) {
    around.actions[fmt::format("stop {}", thread)] = [thread](FakeTarget& target) {
      target.stop(StopEvent{.thread = thread, .console = "why\n"});
    };
  }
  around.actions["exit"] = [](FakeTarget& target) {
    target.stop(StopEvent{.thread = 2, .reason = StopReason::kExited, .exit_code = 7});
  };
  around.actions["say"] = [](FakeTarget& target) { target.listener->console("hi\n"); };
  around.check = [calls = std::move(calls)](FakeTarget& target) {
    REQUIRE(target.calls.size() >= 2);
    CHECK(target.calls[1] == "non-stop true");
    CHECK(std::vector(target.calls.begin() + 2, target.calls.end()) == calls);
  };
  return around;
}

void play_non_stop(std::string_view lines, const Play& around) {
  std::string transcript = "→ QNonStop:1\n← OK\n";
  for (Fields fields(lines); !fields.done();) {
    std::string_view line = fields.until('\n');
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    constexpr std::string_view kNotification = "←% ";
    if (line.starts_with(kNotification)) {
      transcript += "←← " + frame(line.substr(kNotification.size()), '%');
    } else {
      transcript += line;
    }
    transcript += '\n';
  }
  play(transcript, around);
}

}  // namespace

TEST_CASE("non-stop mode is offered when the target has it") {
  Play around;
  around.prepare = prepare;
  play(R"(
    → qSupported
    ← PacketSize=20000;QStartNoAckMode+;qXfer:features:read+;vContSupported+;binary-upload+;swbreak+;hwbreak+;QNonStop+
    → QNonStop:0
    ← OK
    → QNonStop:1
    ← OK
    → QNonStop:1
    ← OK
    → QNonStop:2
    ←)",
       around);
  play("→ QNonStop:1\n ←\n → vStopped\n ←");
}

TEST_CASE("non-stop: ? tells of one stopped thread, notifications behind it of the others") {
  play_non_stop(R"(
    → ?
    ← T00thread:1;
    → vStopped
    ← OK
    ←% Stop:T00thread:2;
    → vStopped
    ← OK
    → vStopped
    ← OK
    → vCont;c:2
    ← OK
    → ?
    ← T00thread:1;
    → ?
    ← T00thread:1;
    → vStopped
    ← OK
    → vCont;c
    ← OK
    → ?
    ← OK)",
                expecting({"resume c:2", "resume c"}));
}

TEST_CASE("non-stop: threads run and stop by themselves") {
  play_non_stop(
      R"(
    → vCont;c
    ← OK
    * stop 2
    ←% Stop:T05thread:2;
    → vStopped
    ← OK
    → vCont;s:2
    ← OK
    ←% Stop:T05thread:2;
    → vStopped
    ← OK
    → vCont;r1000,1010:2;c:1
    ← OK
    ←% Stop:T05thread:2;
    → vStopped
    ← OK
    → vCont;t:1
    ← OK
    ←% Stop:T00thread:1;
    → vStopped
    ← OK
    → vCont;t
    ← OK
    → vCont;x
    ← E.no such vCont action
    → vCont;s:1;c
    ← OK
    ←% Stop:T05thread:1;)",
      expecting({"resume c", "resume s:2", "resume s[1000,1010):2 c:1", "resume t:1", "resume t", "resume s:1 c"}));
}

TEST_CASE("non-stop: stops queue while one is not acknowledged, and gdb can't resume what it does not know of") {
  play_non_stop(R"(
    → vCont;c
    ← OK
    * stop 1
    ←% Stop:T05thread:1;
    * stop 2
    → vCont;c
    ← OK
    → vStopped
    ← T05thread:2;
    → vCont;c
    ← OK
    * stop 1
    → vCont;c:2
    ← OK
    → vStopped
    ← T05thread:1;
    → vStopped
    ← OK
    → vCont;c
    ← OK
    * stop 2
    ←% Stop:T05thread:2;)",
                expecting({"resume c", "resume t:2 t:1 c", "resume t:2 c", "resume t:2 t:1 c:2", "resume c"}));
}

TEST_CASE("non-stop: ? abandons an unfinished sequence") {
  play_non_stop(R"(
    → vCont;c
    ← OK
    * stop 1
    ←% Stop:T05thread:1;
    * stop 2
    → ?
    ← T00thread:1;
    → vCont;c
    ← OK
    → vStopped
    ← OK
    ←% Stop:T00thread:2;
    → vStopped
    ← OK)",
                expecting({"resume c", "resume t:2 t:1 c"}));
}

TEST_CASE("non-stop: vCtrlC and 0x03 stop each thread") {
  play_non_stop(R"(
    → vCont;c
    ← OK
    → vCtrlC
    ← OK
    ←% Stop:T00thread:1;
    → vStopped
    ← T00thread:2;
    → vStopped
    ← OK
    → vCont;c:2
    ← OK
    →→ \x03
    ←% Stop:T00thread:2;)",
                expecting({"resume c", "resume t", "resume c:2", "resume t"}));
}

TEST_CASE("all-stop: vCtrlC is as 0x03") {
  Play around;
  around.prepare = prepare;
  around.check = [](FakeTarget& target) {
    CHECK(target.calls == std::vector<std::string>{"attach", "resume c", "interrupt"});
  };
  play(R"(
    → c
    → vCtrlC
    ← OK
    ← T02thread:1;
    → vCtrlC
    ← OK)",
       around);
}

TEST_CASE("non-stop: c and s answer OK, too") {
  play_non_stop(R"(
    → Hc2
    ← OK
    → c
    ← OK
    → s
    ← OK
    → c1000
    ← E.thread 2 is running
    → Hc1
    ← OK
    → S05;1000
    ← OK
    ←% Stop:T05thread:1;)",
                expecting({"resume c:2", "resume s:2", "write rip 1000", "resume s05:1"}));
}

TEST_CASE("non-stop: what a request needs is a stopped thread, not a stopped guest") {
  play_non_stop(R"(
    → vCont;c:1
    ← OK
    → Hg1
    ← OK
    → g
    ← E.thread 1 is running
    → p0
    ← E.thread 1 is running
    → P0=00
    ← E.thread 1 is running
    → m0,1
    ← 00
    → M0,1:11
    ← OK
    → x0,1
    ← b\x11
    → Hg0
    ← OK
    → P0=0100000000000000
    ← OK
    → qC
    ← QC2
    → vCont;c:2
    ← OK
    → m0,1
    ← E01
    → M0,1:22
    ← E.all threads are running
    → Z0,0,1
    ← OK
    → z0,0,1
    ← OK
    → qThreadExtraInfo,1
    ← 764350552030
    * stop 2
    ←% Stop:T05thread:2;
    → Hg1
    ← OK
    → m0,1
    ← 11)",
                expecting({"resume c:1", "write rax 1", "resume c:2"}));
}

TEST_CASE("non-stop: a stop does not choose the thread of g and m") {
  auto around = expecting({"resume c:2"});
  const auto prepare_all = [](FakeTarget& target) {
    prepare(target);
    target.unreadable.erase(x86::Register::kEflags);
    target.set(1, x86::Register::kEflags, 0x11);
    target.set(2, x86::Register::kEflags, 0x22);
  };
  around.prepare = prepare_all;
  play_non_stop(R"(
    → Hg1
    ← OK
    → vCont;c:2
    ← OK
    * stop 2
    ←% Stop:T05thread:2;11:22000000;
    → p11
    ← 11000000)",
                around);
}

TEST_CASE("non-stop: console text waits for a monitor command") {
  play_non_stop(R"(
    → vCont;c
    ← OK
    * say
    * say
    * stop 1
    ←% Stop:T05thread:1;
    → vStopped
    ← OK
    → vCont;c
    ← OK
    → qRcmd,61
    ← O68690a68690a7768790a
    ← O68656c6c6f0a
    ← OK
    → qRcmd,61
    ← O68656c6c6f0a
    ← OK)",
                expecting({"resume c", "resume c", "monitor a", "monitor a"}));
}

TEST_CASE("non-stop: the end of the guest is told") {
  play_non_stop(R"(
    → vCont;c
    ← OK
    * exit
    ←% Stop:W07
    → vStopped
    ← OK
    → ?
    ← W07
    → vStopped
    ← OK)",
                expecting({"resume c"}));
}

TEST_CASE("non-stop: a refused resume says why") {
  auto around = expecting({"resume c", "resume t"});
  around.prepare = [](FakeTarget& target) {
    prepare(target);
    target.refuse_resume = "the guest has ended";
  };
  play_non_stop(R"(
    → vCont;c
    ← E.the guest has ended
    → vCtrlC
    ← E.the guest has ended)",
                around);
}

TEST_CASE("a packet that needs all threads stopped stops them, and waits") {
  auto around = expecting({"resume c", "resume t", "non-stop false", "resume c"});
  around.prepare = [](FakeTarget& target) {
    prepare(target);
    target.stops_when_told = false;
  };
  play_non_stop(R"(
    → vCont;c
    ← OK
    →→ $QNonStop:0#8c
    ←← +
    * stop 1
    →→ $?#3f
    ←← +
    * stop 2
    ← OK
    ← T05thread:2;
    → c
    ← O7768790a7768790a
    * stop 1
    ← O7768790a
    ← T05thread:1;)",
                around);
  around = expecting({"resume c", "resume t", "non-stop false"});
  play_non_stop("→ vCont;c\n ← OK\n → QNonStop:0\n ← OK\n → ?\n ← T00thread:2;", around);
}

TEST_CASE("non-stop: all threads cannot be stopped for a packet that needs it") {
  auto around = expecting({"resume c", "resume t", "resume t:1"});
  around.actions["refuse"] = [](FakeTarget& target) { target.refuse_resume = "no"; };
  play_non_stop(R"(
    → vCont;c
    ← OK
    * refuse
    → vRun;
    ← E.no
    → vCont;t:1
    ← E.no)",
                around);
}

TEST_CASE("non-stop: run is kill, then vRun, whose reply is a stop; the others are notified") {
  play_non_stop(R"(
    → !
    ← OK
    → vCont;c
    ← OK
    * stop 1
    ←% Stop:T05thread:1;
    → vKill;1
    ← OK
    → vRun;
    ← T05thread:1;
    → vStopped
    ← T00thread:2;
    → vStopped
    ← OK
    → vCont;c
    ← OK
    → R00
    ←% Stop:T05thread:1;)",
                expecting({"resume c", "resume t", "restart", "resume c", "resume t", "restart"}));
}

TEST_CASE("the next debugger begins in all-stop mode") {
  auto around = expecting({"resume c", "disconnected", "attach", "resume s:1 c"});
  around.line = Session::Line::kSerial;
  play_non_stop(R"(
    → qSupported
    ← PacketSize=20000;QStartNoAckMode+;qXfer:features:read+;vContSupported+;binary-upload+;swbreak+;hwbreak+;QNonStop+
    → vCont;c
    ← OK
    * stop 1
    ←% Stop:T05thread:1;
    → qSupported
    ← PacketSize=20000;QStartNoAckMode+;qXfer:features:read+;vContSupported+;binary-upload+;swbreak+;hwbreak+;QNonStop+
    → ?
    ← T05thread:1;
    → vCont;s:1;c
    ← T05thread:1;)",
                around);
}
