// Resuming, stop replies, console text, restart.
#include <catch2/catch.hpp>

#include "tests/support/transcript.hpp"

using namespace gdb;
using namespace gdb::test;
using x86::Register;

namespace {

void no_registers(FakeTarget& target) {
  for (const auto& row : x86::register_table()) target.unreadable.insert(row.reg);
}

// A play whose target has no registers to send along, and whose calls after attach are `calls`.
Play expecting(std::vector<std::string> calls) {
  Play around;
  around.prepare = no_registers;
  around.actions["stop"] = [](FakeTarget& target) { target.stop(StopReason::kSignal); };
  around.check = [calls = std::move(calls)](FakeTarget& target) {
    CHECK(std::vector(target.calls.begin() + 1, target.calls.end()) == calls);
  };
  return around;
}

constexpr std::string_view kIntroduction = R"(
    → qSupported:swbreak+;hwbreak+
    ← PacketSize=20000;QStartNoAckMode+;qXfer:features:read+;vContSupported+;binary-upload+;swbreak+;hwbreak+
)";

}  // namespace

TEST_CASE("vCont actions become a plan") {
  play(R"(
    → vCont?
    ← vCont;c;C;s;S;t;r
    → vCont;c
    * stop
    ← T05thread:1;
    → vCont;s:1;c
    ← T05thread:1;
    → vCont;S05:p1.2;C0b:p1.-1
    ← T05thread:2;
    → vCont;s:0
    ← T05thread:2;
    → vCont;r1000,1010:p1.1;c
    ← T05thread:1;
    → vCont;t:1;c
    ← T00thread:1;)",
       expecting(
           {"resume c", "resume s:1 c", "resume s05:2 c0b", "resume s:2", "resume s[1000,1010):1 c", "resume t:1 c"}));
}

TEST_CASE("malformed vCont packets change nothing") {
  play(R"(
    → vCont
    ← E.vCont without an action
    → vCont;
    ← E.vCont without an action
    → vCont;x
    ← E.no such vCont action
    → vCont;c:9
    ← E.no such thread
    → vCont;cc
    ← E.malformed vCont action
    → vCont;r1000
    ← E.malformed vCont action
    → vCont;r1000,
    ← E.malformed vCont action
    → vCont;C
    ← E.malformed signal
    → vCont;C100
    ← E.malformed signal
    → vCont;c:p2.1
    ← E.no such process)",
       expecting({}));
}

TEST_CASE("vCont;t stops a running guest, and answers at once when it is stopped") {
  play(R"(
    → vCont;t
    ← T05thread:1;
    → vCont;c
    → vCont;t:p1.-1
    ← T00thread:1;)",
       expecting({"resume c", "resume t"}));
}

TEST_CASE("c, C, s, S run the thread of Hc, or all") {
  play(R"(
    → c
    * stop
    ← T05thread:1;
    → C05
    * stop
    ← T05thread:1;
    → s
    ← T05thread:1;
    → S05
    ← T05thread:1;
    → Hc2
    ← OK
    → c
    * stop
    ← T05thread:1;
    → s
    ← T05thread:2;
    → Hc-1
    ← OK
    → c
    * stop
    ← T05thread:1;)",
       expecting({"resume c", "resume c", "resume s:1 c", "resume s05:1 c", "resume c:2", "resume s:2", "resume c"}));
}

TEST_CASE("c and s with an address go on there") {
  play(R"(
    → s7c00
    ← T05thread:1;
    → S05;8000
    ← T05thread:1;
    → c9000
    * stop
    ← T05thread:1;
    → c90x
    ← E.malformed address
    → Cxx
    ← E.malformed signal
    → C05,0
    ← E.malformed signal)",
       expecting({"write rip 7c00", "resume s:1 c", "write rip 8000", "resume s05:1 c", "write rip 9000", "resume c"}));
}

TEST_CASE("a refused resume leaves the guest stopped, and says why") {
  auto around = expecting({"resume c", "resume c"});
  around.prepare = [](FakeTarget& target) {
    no_registers(target);
    target.refuse_resume = "the guest has ended";
  };
  play(R"(
    → vCont;c
    ← E.the guest has ended
    → c
    ← E.the guest has ended
    → m0,1
    ← 00)",
       around);
}

TEST_CASE("while the guest runs, requests are refused with a sentence") {
  play(fmt::format("{}{}", kIntroduction, R"(
    → c
    → g
    ← E.the guest is running
    → p0
    ← E.the guest is running
    → P0=00
    ← E.the guest is running
    → M0,0:
    ← E.the guest is running
    → m0,1
    ← E01
    → Z0,0,1
    ← E..the guest is running
    → c
    ← E.the guest is running
    → ?
    ← E.the guest is running
    → vCont;s
    ← E.the guest is running
    → qC
    ← QC1
    * stop
    ← T05thread:1;)"),
       expecting({"resume c"}));
}

TEST_CASE("stop replies tell the reason, if gdb can hear it") {
  Play around;
  around.prepare = no_registers;
  around.actions["sw"] = [](FakeTarget& target) { target.stop(StopReason::kSoftwareBreakpoint); };
  around.actions["hw"] = [](FakeTarget& target) { target.stop(StopReason::kHardwareBreakpoint); };
  around.actions["write"] = [](FakeTarget& target) { target.stop(StopReason::kWriteWatch, 0xffff800000001000); };
  around.actions["read"] = [](FakeTarget& target) { target.stop(StopReason::kReadWatch, 0x1000); };
  around.actions["access"] = [](FakeTarget& target) { target.stop(StopReason::kAccessWatch, 0x1000); };
  const std::string_view watches = R"(
    → c
    * write
    ← T05thread:1;watch:ffff800000001000;
    → c
    * read
    ← T05thread:1;rwatch:1000;
    → c
    * access
    ← T05thread:1;awatch:1000;
    → ?
    ← T05thread:1;awatch:1000;
)";
  play(fmt::format("{}{}{}", kIntroduction, R"(
    → c
    * sw
    ← T05thread:1;swbreak:;
    → c
    * hw
    ← T05thread:1;hwbreak:;)",
                   watches),
       around);
  play(fmt::format("{}{}", R"(
    → c
    * sw
    ← T05thread:1;
    → c
    * hw
    ← T05thread:1;)",
                   watches),
       around);
}

TEST_CASE("the end of the guest is told, with the process when gdb knows several") {
  Play around;
  around.actions["exit"] = [](FakeTarget& target) {
    target.stop(StopEvent{.reason = StopReason::kExited, .exit_code = 7});
  };
  around.actions["crash"] = [](FakeTarget& target) {
    target.stop(StopEvent{.reason = StopReason::kKilled, .signal = Signal::kSegv});
  };
  play("→ c\n * exit\n ← W07\n → ?\n ← W07\n → c\n * crash\n ← X0b", around);
  around.prepare = [](FakeTarget& target) { target.has_breakpoints = false; };
  play(R"(
    → qSupported:multiprocess+
    ← PacketSize=20000;QStartNoAckMode+;qXfer:features:read+;vContSupported+;binary-upload+;multiprocess+
    → c
    * exit
    ← W07;process:1
    → c
    * crash
    ← X0b;process:1)",
       around);
}

TEST_CASE("a stop brings the registers that gdb wants next") {
  Play around;
  around.prepare = [](FakeTarget& target) {
    no_registers(target);
    for (const auto reg : {Register::kRip, Register::kRsp, Register::kCs, Register::kEip, Register::kCr0})
      target.unreadable.erase(reg);
    target.set(2, Register::kRip, 0x7c00);
    target.set(2, Register::kCs, 8);
  };
  around.actions["stop"] = [](FakeTarget& target) { target.stop(StopEvent{.thread = 2}); };
  play(R"(
    → c
    * stop
    ← T05thread:2;7:0000000000000000;10:007c000000000000;12:08000000;
    → p10
    ← 007c000000000000)",
       around);
  around.shape = x86::Shape::kAny;
  play(R"(
    → c
    * stop
    ← T05thread:2;7:0000000000000000;10:007c000000000000;12:08000000;5a:00000000;)",
       around);
}

TEST_CASE("console text is shown while the guest runs, or as soon as it does") {
  Play around;
  around.prepare = [](FakeTarget& target) {
    no_registers(target);
    target.first_stop.console = "held\n";
  };
  around.actions["say"] = [](FakeTarget& target) { target.listener->console("hi"); };
  around.actions["stop"] = [](FakeTarget& target) { target.stop(StopEvent{.console = "why\n"}); };
  play(R"(
    → ?
    ← T05thread:1;
    * say
    → vCont;c
    ← O68656c640a6869
    * say
    ← O6869
    * stop
    ← O7768790a
    ← T05thread:1;
    → c
    * stop
    ← O7768790a
    ← T05thread:1;)",
       around);
}

TEST_CASE("long console text is split") {
  FakeTarget target;
  std::string sent;
  Session session(target, [&](std::string bytes) { sent += bytes; });
  session.receive("$c#63");
  sent.clear();
  target.stop(StopEvent{.console = std::string(100000, 'x')});
  const auto first = take_packet(sent);
  const auto second = take_packet(sent);
  CHECK(first->size() <= kPacketSize);
  CHECK(first->size() + second->size() == 2 + 2 * 100000);
  CHECK(take_packet(sent)->starts_with("T05"));
}

TEST_CASE("vRun begins anew and answers with the stop; R has no reply of its own") {
  auto around = expecting({"restart", "restart"});
  play(R"(
    → vRun;;
    ← T05thread:1;
    → R00
    → ?
    ← T05thread:1;)",
       around);
  around.prepare = [](FakeTarget& target) {
    no_registers(target);
    target.refuse_resume = "no";
  };
  play(R"(
    → vRun;
    ← E.no
    → R00
    → m0,1
    ← 00)",
       around);
}
