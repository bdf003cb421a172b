// Acks, retransmission, queueing, interrupts, and the end of a conversation.
#include "gdbstub/session.hpp"

#include <catch2/catch.hpp>

#include "tests/support/transcript.hpp"

using namespace gdb;
using namespace gdb::test;

namespace {
const auto kStopLater = [](FakeTarget& target) { target.stops_when_attached = false; };
const auto kNoRegisters = [](FakeTarget& target) {
  for (const auto& row : x86::register_table()) target.unreadable.insert(row.reg);
};
}  // namespace

TEST_CASE("a packet is acknowledged and answered") { play("→ m0,4\n ←← $00010203#86"); }

TEST_CASE("an unknown packet gets the empty reply") {
  play(R"(
    → vMustReplyEmpty
    ←
    → qSymbol::
    ←
    → gg
    ←
    → kk
    ←
    → qCRC:0,1
    ←
    → vContinue
    ←
    →
    ←)");
}

TEST_CASE("a damaged packet is asked for again") {
  play(R"(
    →→ $m0,4#00
    ←← -
    →→ $m0,4#fd
    ←← +
    ← 00010203)");
}

TEST_CASE("the last packet is sent again after a NAK, and only that") {
  play(R"(
    →→ -
    → m0,1
    ← 00
    →→ -
    ← 00
    → m1,1
    ← 01
    →→ --
    ← 01
    ← 01)");
}

TEST_CASE("without acks there are neither acks nor retransmission") {
  play(R"(
    → QStartNoAckMode
    ← OK
    → m0,1
    ← 00
    →→ -
    →→ $m0,1#00
    →→ +++
    → m1,1
    ← 01)");
}

TEST_CASE("garbage is dropped") { play("→→ abc\\x00\\xff#00%Stop:x#11\n → m0,1\n ← 00"); }

TEST_CASE("a packet that is too long is refused, and the conversation goes on") {
  FakeTarget target;
  std::string sent;
  Session session(target, [&](std::string bytes) { sent += bytes; });
  session.receive("$" + std::string(kPacketSize + 256, 'a') + "#00");
  CHECK(sent.starts_with("+$E.the packet is longer than PacketSize#"));
  sent.clear();
  session.receive("$m0,1#fa");
  CHECK(sent == "+$00#60");
}

TEST_CASE("packets that come before the first stop wait for it, in order") {
  Play around;
  around.prepare = [](FakeTarget& target) {
    kStopLater(target);
    kNoRegisters(target);
  };
  around.actions["stop"] = [](FakeTarget& target) { target.stop(StopReason::kSignal); };
  play(R"(
    →→ $m0,1#fa
    ←← +
    →→ $?#3f
    ←← +
    * stop
    ← 00
    ← T05thread:1;
    → m1,1
    ← 01)",
       around);
}

TEST_CASE("what waits for the first stop is bounded") {
  FakeTarget target;
  target.stops_when_attached = false;
  std::string sent;
  Session session(target, [&](std::string bytes) { sent += bytes; });
  for (int i = 0; i < 1000; ++i) session.receive("$m0,1#fa");
  CHECK(sent == std::string(32, '+'));
  sent.clear();
  target.stop(StopReason::kSignal);
  CHECK(sent.size() == 32 * std::string_view("$00#60").size());
}

TEST_CASE("a waiting continue runs the guest, and what waits behind it is refused") {
  FakeTarget target;
  target.stops_when_attached = false;
  std::string sent;
  Session session(target, [&](std::string bytes) { sent += bytes; });
  session.receive("$c#63$?#3f");
  sent.clear();
  target.stop(StopReason::kSignal);
  CHECK(sent == frame("E.the guest is running"));
  CHECK(target.calls == std::vector<std::string>{"attach", "resume c"});
}

TEST_CASE("Ctrl-C stops a running guest, also between the bytes of nothing") {
  Play around;
  around.prepare = kNoRegisters;
  around.check = [](FakeTarget& target) {
    CHECK(target.calls == std::vector<std::string>{"attach", "resume c", "interrupt"});
  };
  play(R"(
    → vCont;c
    →→ \x03
    ← T02thread:1;)",
       around);
}

TEST_CASE("Ctrl-C that meets a stopped guest ends the next run at once") {
  Play around;
  around.prepare = kNoRegisters;
  play(R"(
    → vCont;s
    ← T05thread:1;
    →→ \x03
    → vCont;s
    ← T02thread:1;
    → vCont;s
    ← T05thread:1;
    →→ \x03
    → vCont;c
    ← T02thread:1;)",
       around);
}

TEST_CASE("0x03 inside a packet is data") {
  Play around;
  around.check = [](FakeTarget& target) {
    CHECK(target.linear[0] == std::byte{3});
    CHECK(target.calls == std::vector<std::string>{"attach"});
  };
  play("→ X0,1:\\x03\n ← OK", around);
}

TEST_CASE("detach answers first, then lets go, and hears no more") {
  Play around;
  around.prepare = kNoRegisters;
  around.check = [](FakeTarget& target) { CHECK(target.calls == std::vector<std::string>{"attach", "detach"}); };
  play("→ D\n ← OK\n →→ $m0,1#fa", around);
  play("→ D;1\n ← OK", around);
  around.check = [](FakeTarget& target) { CHECK(target.calls == std::vector<std::string>{"attach"}); };
  play("→ D;2\n ← E.no such process", around);
}

TEST_CASE("kill ends the debuggee after the reply has been handed over") {
  FakeTarget target;
  std::string order;
  Session session(target, [&](std::string bytes) { order = bytes + (target.calls.back() == "kill" ? "late" : ""); });
  session.receive("$vKill;1#6e");
  CHECK(order == "+$OK#9a");
  CHECK(target.calls.back() == "kill");
  CHECK(session.ended());
}

TEST_CASE("k has no reply") {
  Play around;
  around.check = [](FakeTarget& target) { CHECK(target.calls.back() == "kill"); };
  play("→ k", around);
  around.check = [](FakeTarget& target) { CHECK(target.calls.back() == "attach"); };
  play("→ vKill;2\n ← E.no such process", around);
}

TEST_CASE("a lost connection is told to the target once, and only without detach") {
  FakeTarget target;
  {
    Session session(target, [](const std::string&) {});
    session.hang_up();
    session.hang_up();
    CHECK(session.ended());
  }
  CHECK(target.calls == std::vector<std::string>{"attach", "disconnected"});
  Session session(target, [](const std::string&) {});
  session.receive("$D#44");
  session.hang_up();
  CHECK(target.calls.back() == "detach");
}

TEST_CASE("on a serial line, a second introduction is a new debugger") {
  Play around;
  around.line = Session::Line::kSerial;
  around.prepare = [](FakeTarget& target) {
    kNoRegisters(target);
    target.has_breakpoints = false;
  };
  around.check = [](FakeTarget& target) {
    CHECK(target.calls == std::vector<std::string>{"attach", "resume c", "disconnected", "attach"});
  };
  play(R"(
    → qSupported:multiprocess+
    ← PacketSize=20000;QStartNoAckMode+;qXfer:features:read+;vContSupported+;binary-upload+;multiprocess+
    → QStartNoAckMode
    ← OK
    → vCont;c
    →→ $qSupported#37
    ←← +
    ← PacketSize=20000;QStartNoAckMode+;qXfer:features:read+;vContSupported+;binary-upload+
    → ?
    ← T05thread:1;)",
       around);
}

TEST_CASE("on a connection, a second introduction is only a question") {
  Play around;
  around.check = [](FakeTarget& target) { CHECK(target.calls == std::vector<std::string>{"attach"}); };
  const std::string_view reply =
      "← PacketSize=20000;QStartNoAckMode+;qXfer:features:read+;vContSupported+;binary-upload+;swbreak+;hwbreak+\n";
  play(fmt::format("→ qSupported\n{}→ qSupported\n{}", reply, reply), around);
}

TEST_CASE("in extended mode a killed debuggee can be run again, and dies with the conversation") {
  Play around;
  around.prepare = kNoRegisters;
  around.check = [](FakeTarget& target) { CHECK(target.calls == std::vector<std::string>{"attach", "restart"}); };
  play("→ !\n ← OK\n → vKill;1\n ← OK\n → vRun;\n ← T05thread:1;", around);

  for (const bool detaches : {false, true}) {
    FakeTarget target;
    Session session(target, [](const std::string&) {});
    session.receive(request("!") + request("vKill;1"));
    CHECK(!session.ended());
    if (detaches) session.receive(request("D"));
    session.hang_up();
    CHECK(target.calls == std::vector<std::string>{"attach", "kill"});
  }
}
