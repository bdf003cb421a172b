// g, G, p, P, and the layout behind them.
#include "gdbstub/x86/registers.hpp"

#include <catch2/catch.hpp>

#include "tests/support/transcript.hpp"

using namespace gdb;
using namespace gdb::test;
using x86::Register;

TEST_CASE("p and P check number and length") {
  Play around;
  around.prepare = [](FakeTarget& target) {
    target.set(1, Register::kRip, 0x123456789abcdef0);
    target.set(2, Register::kRip, 0x7c00);
    target.unreadable = {Register::kSt7};
    target.readonly = {Register::kCr0};
  };
  around.check = [](FakeTarget& target) { CHECK(target.get(2, Register::kRax) == 0xa9876543210fedcb); };
  play(R"(
    → p10
    ← f0debc9a78563412
    → p11
    ← 00000000
    → p28
    ← E.unreadable
    → p52
    ← E.no such register
    → p
    ← E.malformed register number
    → p10,
    ← E.malformed register number
    → Hg2
    ← OK
    → p10
    ← 007c000000000000
    → P0=cbed0f21436587a9
    ← OK
    → P1b=0100000000000000
    ← E.cr0 can't be written
    → P0=00
    ← E.a value of the wrong size
    → P0=00000000000000000
    ← E.a value of the wrong size
    → P0=000000000000000x
    ← E.a value of the wrong size
    → P0
    ← E.malformed register number
    → Pffffffffffffffff=00
    ← E.no such register)",
       around);
}

TEST_CASE("g gives all registers in order, and x for what can't be read") {
  FakeTarget target;
  target.set(1, Register::kRax, 0x1122334455667788);
  target.set(1, Register::kMxcsr, 0x1f80);
  target.unreadable = {Register::kRbx, Register::kXmm15};
  std::string sent;
  Session session(target, [&](std::string bytes) { sent += bytes; });
  session.receive("+$g#67");
  sent.erase(0, 1);
  const auto reply = take_packet(sent);
  REQUIRE(reply);
  // 17 × 64 bits, 7 × 32, 9 × 64, 8 × 80, 8 × 32, 16 × 128, 1 × 32, 16 × 128
  CHECK(reply->size() == 2 * (17 * 8 + 7 * 4 + 9 * 8 + 8 * 10 + 8 * 4 + 16 * 16 + 4 + 16 * 16));
  CHECK(reply->starts_with("8877665544332211xxxxxxxxxxxxxxxx0000000000000000"));
  CHECK(reply->ends_with("xxxxxxxx801f0000" + std::string(16 * 32, '0')));
}

TEST_CASE("G writes what changed, all that can be, and tells the first refusal") {
  FakeTarget target(x86::Shape::kAny);
  target.set(1, Register::kRcx, 0xffffffff00000001);
  target.set(1, Register::kEcx, 1);
  target.readonly = {Register::kCr0, Register::kCr4};
  target.unreadable = {Register::kXmm0};
  target.set(1, Register::kCr4, 0x20);
  std::string sent;
  Session session(target, [&](std::string bytes) { sent += bytes; });
  session.receive("$g#67");
  sent.erase(0, 1);
  std::string values = *take_packet(sent);

  SECTION("nothing") {
    session.receive(request("G" + values));
    CHECK(sent == "+$OK#9a");
    CHECK(target.calls == std::vector<std::string>{"attach"});
  }
  SECTION("rax, cr0, rbx") {
    values.replace(0, 2, "05");
    values.replace(16, 2, "06");
    values.replace(2 * (17 * 8 + 7 * 4 + 3 * 8), 2, "01");
    session.receive(request("G" + values));
    CHECK(sent == "+" + frame("E.cr0 can't be written"));
    CHECK(target.calls == std::vector<std::string>{"attach", "write rax 5", "write rbx 6", "write cr0 1"});
  }
  SECTION("too few, too many, nonsense") {
    const std::string few = values.substr(1);
    session.receive(request("G" + few) + request("G" + values + "00"));
    values[0] = 'q';
    session.receive(request("G" + values));
    CHECK(sent == "+" + frame("E.malformed register values") + "+" + frame("E.too many register values") + "+" +
                      frame("E.malformed register values"));
    CHECK(target.calls == std::vector<std::string>{"attach"});
  }
}

TEST_CASE("the numbers are QEMU's") {
  const x86::Layout layout(x86::Shape::kX86_64);
  CHECK(layout.count() == 82);
  CHECK(x86::info(*layout.from_number(16)).name == "rip");
  CHECK(x86::info(*layout.from_number(24)).name == "fs_base");
  CHECK(x86::info(*layout.from_number(27)).name == "cr0");
  CHECK(x86::info(*layout.from_number(33)).name == "st0");
  CHECK(x86::info(*layout.from_number(49)).name == "xmm0");
  CHECK(x86::info(*layout.from_number(65)).name == "mxcsr");
  CHECK(!layout.from_number(82));
  CHECK(x86::Layout(x86::Shape::kAny).from_number(90) == Register::kEip);
  CHECK(!x86::Layout(x86::Shape::kAny).from_number(91));
}

TEST_CASE("the descriptions have each register once, with its number") {
  for (const auto shape : {x86::Shape::kX86_64, x86::Shape::kAny}) {
    const x86::Layout layout(shape);
    const std::string& xml = layout.target_xml();
    for (std::uint64_t number = 0; const auto reg = layout.from_number(number); ++number) {
      const std::string begin = fmt::format("<reg name=\"{}\" ", x86::info(*reg).name);
      const auto at = xml.find(begin);
      REQUIRE(at != std::string::npos);
      CHECK(xml.find(begin, at + 1) == std::string::npos);
      CHECK(xml.substr(at, xml.find('\n', at) - at).find(fmt::format("regnum=\"{}\"", number)) != std::string::npos);
    }
    CHECK((xml.find("code_ptr") == std::string::npos) == (shape == x86::Shape::kAny));
    CHECK((xml.find("\"eip\"") == std::string::npos) == (shape == x86::Shape::kX86_64));
  }
}

TEST_CASE("values are little endian") {
  const auto value = x86::Value::of(0x0102030405060708);
  CHECK(value.bytes[0] == std::byte{8});
  CHECK(value.bytes[8] == std::byte{0});
  CHECK(value.number() == 0x0102030405060708);
}
