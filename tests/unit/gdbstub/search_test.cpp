#include <catch2/catch.hpp>

#include "gdbstub/hex.hpp"
#include "tests/support/transcript.hpp"

using namespace gdb;
using namespace gdb::test;

TEST_CASE("qSearch:memory finds the first occurrence in its range") {
  play(R"(
    → qSearch:memory:0;10000;!"
    ← 1,21
    → qSearch:memory:22;10000;!"
    ← 1,121
    → qSearch:memory:21;2;!"
    ← 1,21
    → qSearch:memory:21;1;!"
    ← 0
    → qSearch:memory:0;100;\x22!
    ← 0
    → qSearch:memory:0;0;a
    ← 0)");
}

TEST_CASE("a search in physical memory, and for the marks of the protocol") {
  Play around;
  around.prepare = [](FakeTarget& target) {
    target.physical.assign(64, std::byte{0});
    for (std::size_t i = 0; i < 4; ++i) target.physical[7 + i] = static_cast<std::byte>("#$};"[i]);
  };
  play(R"(
    → Qqemu.PhyMemMode:1
    ← OK
    → qSearch:memory:0;40;}\x03}\x04}];
    ← 1,7)",
       around);
}

TEST_CASE("a search that comes to what is not mapped has found what lies before it, or fails and says so later") {
  play(R"(
    → qSearch:memory:ff00;1000;\xfe\xff
    ← 1,fffe
    → qSearch:memory:ff00;1000;ba
    ← E01
    → qSearch:memory:10000;1;a
    ← E01
    → qRcmd,61
    ← O746865207365617263682068617320656e64656420617420307831303030303a206e6f7468696e67206973206d61707065642074686572650a
    ← O68656c6c6f0a
    ← OK)");
}

TEST_CASE("a search is as long as a few seconds allow, and well formed") {
  play(R"(
    → qSearch:memory:0;400000001;a
    ← E01
    → qSearch:memory:ffffffffffffffff;2;a
    ← E01
    → qSearch:memory:0;10;
    ← E01
    → qSearch:memory:0;10
    ← E01
    → qSearch:memory:0
    ← E01
    → qSearch:memory
    ← E01)");
}

TEST_CASE("what lies across the pieces of a search is found") {
  constexpr std::size_t kPiece = 256 * 1024;
  FakeTarget target;
  target.linear.assign(4 * kPiece, std::byte{0});
  std::string sent;
  Session session(target, [&](const std::string& bytes) { sent += bytes; });
  for (const std::size_t place : {kPiece - 1, kPiece, 2 * kPiece - 3, 3 * kPiece + 5}) {
    for (std::size_t i = 0; i < 4; ++i) target.linear[place + i] = static_cast<std::byte>('a' + i);
    session.receive(request("qSearch:memory:0;100000;abcd"));
    sent.erase(0, 1);
    CHECK(take_packet(sent) == "1," + hex_of_number(place));
    target.linear[place] = std::byte{0};
  }
}
