// Z, z and the monitor command.
#include <catch2/catch.hpp>

#include "tests/support/transcript.hpp"

using namespace gdb;
using namespace gdb::test;

TEST_CASE("breakpoints of all types are inserted and removed") {
  Play around;
  around.check = [](FakeTarget& target) {
    CHECK(target.planted == std::vector<BreakpointSpec>{{BreakpointType::kHardware, 0x7c00, 1},
                                                        {BreakpointType::kAccessWatch, 0xffff800000000000, 8}});
  };
  play(R"(
    → Z0,7c00,1
    ← OK
    → Z1,7c00,1
    ← OK
    → Z2,1000,4
    ← OK
    → Z3,1000,4
    ← OK
    → Z4,ffff800000000000,8
    ← OK
    → Z4,ffff800000000000,8
    ← OK
    → z0,7c00,1
    ← OK
    → z2,1000,4
    ← OK
    → z3,1000,4
    ← OK
    → z3,1000,4
    ← OK)",
       around);
}

TEST_CASE("malformed breakpoints are refused, unknown types are unknown") {
  Play around;
  around.check = [](FakeTarget& target) { CHECK(target.planted.empty()); };
  play(R"(
    → Z5,0,1
    ←
    → Z
    ←
    → Z0
    ←
    → Z00,0,1
    ←
    → Z0,
    ← E..malformed breakpoint
    → Z0,0
    ← E..malformed breakpoint
    → Z0,0,1;X3,220127
    ← E..breakpoint conditions and commands are not evaluated here)",
       around);
  around.prepare = [](FakeTarget& target) { target.has_breakpoints = false; };
  play("→ Z0,0,1\n ←\n → z0,0,1\n ←", around);
}

TEST_CASE("conditions and commands are verified and reach the target; a second Z replaces them") {
  Play around;
  around.prepare = [](FakeTarget& target) { target.has_actions = true; };
  around.check = [](FakeTarget& target) {
    CHECK(target.planted.size() == 1);
    CHECK(target.planted_actions.conditions.size() == 2);
    CHECK(target.planted_actions.commands.size() == 1);
  };
  play(R"(
    → Z0,1000,1;X3,220127
    ← OK
    → Z0,1000,1;X3,220127X3,220227;cmds:0,X3,220127
    ← OK
    → Z1,1000,1;X3,220
    ← E..malformed breakpoint condition or command
    → Z1,1000,1;Xffffffffffffffff,220127
    ← E..malformed breakpoint condition or command
    → Z1,1000,1;X1,ff
    ← E..breakpoint condition or command: byte 0 of the bytecode: 0xff is no opcode
    → Z2,1000,1;X3,220127
    ← E..watchpoints take no conditions here
    → Z0,1000,1;cmds:0
    ← E..malformed breakpoint commands)",
       around);
}

TEST_CASE("why a breakpoint is refused is shown, once, when gdb next takes text") {
  Play around;
  around.prepare = [](FakeTarget& target) {
    for (const auto& row : x86::register_table()) target.unreadable.insert(row.reg);
  };
  around.actions["stop"] = [](FakeTarget& target) { target.stop(StopReason::kSignal); };
  play(R"(
    → Z1,bad,1
    ← E..no debug register is free
    → Z2,bad,1
    ← E..no debug register is free
    → Z2,bad,1
    ← E..no debug register is free
    → c
    ← O6e6f20646562756720726567697374657220697320667265650a
    * stop
    ← T05thread:1;)",
       around);
  around.prepare = [](FakeTarget&) {};
  play(R"(
    → qSupported:error-message+
    ← PacketSize=20000;QStartNoAckMode+;qXfer:features:read+;vContSupported+;binary-upload+;swbreak+;hwbreak+;error-message+
    → Z2,bad,1
    ← E.no debug register is free
    → c)",
       around);
}

TEST_CASE("monitor prints what the command returns") {
  Play around;
  around.check = [](FakeTarget& target) { CHECK(target.calls[1] == "monitor info"); };
  play("→ qRcmd,696e666f\n ← O68656c6c6f0a\n ← OK", around);
  around.prepare = [](FakeTarget& target) { target.monitor_output.clear(); };
  play("→ qRcmd,696e666f\n ← OK", around);
  around.check = [](FakeTarget&) {};
  play("→ qRcmd,69x\n ← E01", around);
  around.prepare = [](FakeTarget& target) { target.has_monitor = false; };
  play("→ qRcmd,696e666f\n ←", around);
}

TEST_CASE("a monitor error is printed, or told when gdb can show it") {
  Play around;
  around.prepare = [](FakeTarget& target) { target.has_breakpoints = false; };
  play(R"(
    → qRcmd,626164
    ← O6e6f207375636820636f6d6d616e640a
    ← OK
    → qSupported:error-message+
    ← PacketSize=20000;QStartNoAckMode+;qXfer:features:read+;vContSupported+;binary-upload+;error-message+
    → qRcmd,626164
    ← E.no such command)",
       around);
}

TEST_CASE("long monitor output is split into packets") {
  FakeTarget target;
  target.monitor_output.assign(200000, 'x');
  std::string sent;
  Session session(target, [&](std::string bytes) { sent += bytes; });
  session.receive(request("qRcmd,00"));
  sent.erase(0, 1);
  std::size_t text = 0;
  std::string last;
  while (const auto packet = take_packet(sent)) {
    CHECK(packet->size() <= kPacketSize);
    text += (packet->size() - 1) / 2;
    last = *packet;
  }
  CHECK(text == 200000);
  CHECK(last == "OK");
}

TEST_CASE("marks of the protocol fall out of an error's text") {
  Play around;
  around.prepare = [](FakeTarget& target) { target.refuse_resume = "#UD at *$pc {rip}\nagain"; };
  play("→ c\n ←← $E.UD at pc (rip) again#d0", around);
}
