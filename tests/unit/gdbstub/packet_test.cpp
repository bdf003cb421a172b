#include "gdbstub/packet.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/support/transcript.hpp"

using namespace gdb;
using Kind = PacketEvent::Kind;

namespace {

struct Seen {
  Kind kind;
  std::string payload;
  bool operator==(const Seen&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Seen& seen) {
  return out << static_cast<int>(seen.kind) << " '" << seen.payload << "'";
}

std::vector<Seen> parse(std::string_view bytes, std::size_t piece = SIZE_MAX) {
  PacketParser parser;
  std::vector<Seen> seen;
  while (!bytes.empty()) {
    std::string_view part = bytes.substr(0, piece);
    bytes.remove_prefix(part.size());
    while (auto event = parser.next(part)) seen.push_back({event->kind, event->payload});
  }
  return seen;
}

std::string round_trip(const std::string& payload) {
  std::string bytes = frame(payload);
  const auto back = test::take_packet(bytes);
  REQUIRE(back);
  REQUIRE(bytes.empty());
  return *back;
}

}  // namespace

TEST_CASE("bytes become events, however they are cut") {
  const std::string bytes = "+$m0,4#fd-junk\x03$#00";
  const std::vector<Seen> events = {
      {Kind::kAck, ""}, {Kind::kPacket, "m0,4"}, {Kind::kNak, ""}, {Kind::kInterrupt, ""}, {Kind::kPacket, ""}};
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) CHECK(parse(bytes, piece) == events);
}

TEST_CASE("a packet with a wrong or malformed checksum is damaged") {
  CHECK(parse("$m0,4#fe") == std::vector<Seen>{{Kind::kBadChecksum, ""}});
  CHECK(parse("$m0,4#zz") == std::vector<Seen>{{Kind::kBadChecksum, ""}});
  CHECK(parse("$m0,4#f\xff") == std::vector<Seen>{{Kind::kBadChecksum, ""}});
  CHECK(parse("$m0,4#FD") == std::vector<Seen>{{Kind::kPacket, "m0,4"}});
}

TEST_CASE("a dollar sign begins a packet wherever it comes") {
  CHECK(parse("$m0,$m0,4#fd") == std::vector<Seen>{{Kind::kPacket, "m0,4"}});
  CHECK(parse("$m0,4#$m0,4#fd") == std::vector<Seen>{{Kind::kPacket, "m0,4"}});
  CHECK(parse("$}$m0,4#fd") == std::vector<Seen>{{Kind::kPacket, "m0,4"}});
}

TEST_CASE("escapes are undone, and control bytes inside a packet are data") {
  CHECK(parse("$}\x03}\x04}]}\x0a#7f").front().kind == Kind::kBadChecksum);
  std::string bytes = frame("#$}*\x03+-");
  CHECK(parse(bytes) == std::vector<Seen>{{Kind::kPacket, "#$}*\x03+-"}});
  CHECK(bytes.starts_with("$}\x03}\x04}]}\x0a\x03+-#"));
}

TEST_CASE("an incoming star is no run length") { CHECK(parse("$a*b#ed") == std::vector<Seen>{{Kind::kPacket, "a*b"}}); }

TEST_CASE("the longest packet is taken, a longer one is dropped and costs no memory") {
  const std::string longest(kPacketSize, 'a');
  // 0x20000 characters 'a' sum up to 0 modulo 256.
  CHECK(parse("$" + longest + "#00") == std::vector<Seen>{{Kind::kPacket, longest}});
  CHECK(parse("$" + longest + "a#61+") == std::vector<Seen>{{Kind::kTooLong, ""}, {Kind::kAck, ""}});
  CHECK(parse("$" + std::string(8 * kPacketSize, 'a') + "#00$#00") ==
        std::vector<Seen>{{Kind::kTooLong, ""}, {Kind::kPacket, ""}});
}

TEST_CASE("frames have a checksum, and notifications their own mark") {
  CHECK(frame("") == "$#00");
  CHECK(frame("OK") == "$OK#9a");
  CHECK(frame("Stop:T05", '%').starts_with("%Stop:T05#"));
}

TEST_CASE("runs are shortened with counts that the protocol allows") {
  CHECK(frame("0000").starts_with("$0* #"));
  CHECK(frame("000").starts_with("$000#"));
  CHECK(frame(std::string(7, '0')).starts_with("$0*\"0#"));   // six repeats would be '#'
  CHECK(frame(std::string(8, '0')).starts_with("$0*\"00#"));  // seven '$'
  CHECK(frame(std::string(98, '0')).starts_with("$0*~#"));
  for (std::size_t size = 1; size < 300; ++size) {
    const std::string bytes = frame(std::string(size, 'f'));
    for (std::size_t at = bytes.find('*'); at != std::string::npos; at = bytes.find('*', at + 2))
      CHECK(std::string_view("#$%*+-}").find(bytes[at + 1]) == std::string_view::npos);
    CHECK(round_trip(std::string(size, 'f')) == std::string(size, 'f'));
  }
}

TEST_CASE("any payload survives framing") {
  std::string all;
  for (int i = 0; i < 1024; ++i) all.append(static_cast<std::size_t>(1 + i % 5), static_cast<char>(i));
  CHECK(round_trip(all) == all);
  CHECK(round_trip(std::string(500, '}')) == std::string(500, '}'));
  CHECK(round_trip(std::string(500, '*')) == std::string(500, '*'));
}

TEST_CASE("what is special is found wherever it stands in a long payload") {
  for (const std::string special : {"#", "$", "}", "*", "aaa", "aaaa", "a*", "}}}}}", "aaaa#"}) {
    for (std::size_t before = 0; before < 70; ++before) {
      std::string payload;
      for (std::size_t i = 0; i < 100; ++i) payload += static_cast<char>('b' + i % 20);
      payload.insert(before, special);
      CHECK(round_trip(payload) == payload);
      CHECK(round_trip(payload.substr(0, before + special.size())) == payload.substr(0, before + special.size()));
    }
  }
}

TEST_CASE("escaped_fit counts what fits") {
  CHECK(escaped_fit("abc", 2) == 2);
  CHECK(escaped_fit("a#c", 2) == 1);
  CHECK(escaped_fit("a#c", 4) == 3);
  CHECK(escaped_fit("", 0) == 0);
  CHECK(escaped_fit("###", 5) == 2);
  CHECK(escaped_fit("###", 6) == 3);
  CHECK(escaped_fit("abc###", 9) == 6);
  CHECK(escaped_fit("abc###", 8) == 5);
}
