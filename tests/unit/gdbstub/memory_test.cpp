#include <catch2/catch.hpp>

#include "tests/support/transcript.hpp"

using namespace gdb;
using namespace gdb::test;

TEST_CASE("m reads, and what is mapped at the edge") {
  play(R"(
    → m7c00,4
    ← 00010203
    → m0,0
    ←
    → mfffe,8
    ← feff
    → m10000,4
    ← E01
    → mffffffffffffffff,ff
    ← E01
    → m0
    ← E01
    → m0,4,
    ← E01
    → m,4
    ← E01)");
}

TEST_CASE("gdb with error-message reads why") {
  Play around;
  around.prepare = [](FakeTarget& target) { target.has_breakpoints = false; };
  play(R"(
    → qSupported:error-message+
    ← PacketSize=20000;QStartNoAckMode+;qXfer:features:read+;vContSupported+;binary-upload+;error-message+
    → m10000,4
    ← E.nothing is mapped there
    → x10000,4
    ← E.nothing is mapped there)",
       around);
}

TEST_CASE("x reads binary data") {
  play(R"(
    → x21,5
    ← b!"#$%
    → x0,0
    ← b
    → xfffe,8
    ← b\xfe\xff
    → x10000,4
    ← E01)");
}

TEST_CASE("reads are as long as a packet allows") {
  FakeTarget target;
  target.linear.assign(0x40000, std::byte{0x24});  // '$': each is escaped
  std::string sent;
  Session session(target, [&](std::string bytes) { sent += bytes; });
  session.receive(request("m0,ffffffffffffffff"));
  sent.erase(0, 1);
  CHECK(take_packet(sent)->size() == kPacketSize);
  session.receive(request("x0,ffffffffffffffff"));
  sent.erase(0, 1);
  CHECK(take_packet(sent)->size() == 1 + (kPacketSize - 1) / 2);
}

TEST_CASE("M and X write, and check the length") {
  Play around;
  around.check = [](FakeTarget& target) {
    CHECK(target.linear[0x100] == std::byte{0x12});
    CHECK(target.linear[0x101] == std::byte{0x34});
    CHECK(target.linear[0x200] == std::byte{'#'});
    CHECK(target.linear[0x201] == std::byte{'}'});
    CHECK(target.linear[0x202] == std::byte{0});
    CHECK(target.linear[0xffff] == std::byte{0xff});
  };
  play(R"(
    → M100,2:1234
    ← OK
    → M100,2:12
    ← E.the data is not as long as it says
    → M100,2:1234567
    ← E.the data is not as long as it says
    → M100,2
    ← E.malformed memory request
    → Mffff,2:0000
    ← E.nothing is mapped there
    → X200,3:}\x03}]\x00
    ← OK
    → X200,0:
    ← OK
    → X200,4:abc
    ← E.the data is not as long as it says
    → Xffff,2:ab
    ← E.nothing is mapped there
    → X200
    ← E.malformed memory request)",
       around);
}

TEST_CASE("PhyMemMode switches to physical addresses") {
  play(R"(
    → qqemu.PhyMemMode
    ← 0
    → Qqemu.PhyMemMode:1
    ← OK
    → qqemu.PhyMemMode
    ← 1
    → m0,2
    ← fffe
    → Qqemu.PhyMemMode:2
    ← E.PhyMemMode is 0 or 1
    → Qqemu.PhyMemMode:0
    ← OK
    → m0,2
    ← 0001)");
}
