#include "vmm/devices/i8042.hpp"

#include "device_test.hpp"

using namespace vmm;

namespace {

struct Controller {
  FakeIrq irq;
  FakeRequests requests;
  I8042 device{irq.line(), requests.sink()};

  void command(std::uint8_t value) { device.write(4, 1, value); }
  void data(std::uint8_t value) { device.write(0, 1, value); }
  std::uint8_t status() { return static_cast<std::uint8_t>(device.read(4, 1)); }
  std::vector<int> replies() {
    std::vector<int> bytes;
    while (status() & 1) bytes.push_back(static_cast<int>(device.read(0, 1)));
    return bytes;
  }
};
using Bytes = std::vector<int>;

}  // namespace

TEST_CASE("i8042: controller commands and their answers", "[i8042]") {
  Controller pc;
  CHECK((pc.status() & 0x03) == 0);
  pc.command(0xaa);
  CHECK(pc.status() == (0x10 | 0x08 | 0x04 | 0x01));
  CHECK(pc.replies() == Bytes{0x55});
  pc.command(0xab);
  CHECK(pc.replies() == Bytes{0x00});
  pc.command(0x60);
  pc.data(0x64);
  pc.command(0xad);
  pc.command(0xa7);
  pc.command(0x20);
  CHECK(pc.replies() == Bytes{0x74});
  pc.command(0xae);
  pc.command(0xa8);
  pc.command(0x20);
  CHECK(pc.replies() == Bytes{0x44});
  pc.command(0xd3);  // the mouse port's loop test: an answer, but not from a mouse port
  pc.data(0xa5);
  CHECK((pc.status() & 0x21) == 0x01);
  CHECK(pc.replies() == Bytes{0xa5});
  pc.command(0xd4);
  pc.data(0xf2);
  CHECK(pc.replies().empty());
}

TEST_CASE("i8042: the A20 bit reads back", "[i8042]") {
  Controller pc;
  const auto a20 = [&] {
    pc.command(0xd0);
    return (pc.replies().at(0) & 2) != 0;
  };
  CHECK(a20());
  pc.command(0xdd);
  CHECK_FALSE(a20());
  pc.command(0xdf);
  CHECK(a20());
  pc.command(0xd1);
  pc.data(0xdd);
  CHECK_FALSE(a20());
  CHECK(pc.requests.seen.empty());
}

TEST_CASE("i8042: pulsing the reset line, or pulling it low, resets", "[i8042]") {
  Controller pc;
  pc.command(0xff);
  CHECK(pc.requests.seen.empty());
  pc.command(0xfe);
  REQUIRE(pc.requests.seen.size() == 1);
  CHECK(pc.requests.seen[0].kind == MachineRequest::Kind::kReset);
  pc.command(0xd1);
  pc.data(0x02);
  CHECK(pc.requests.seen.size() == 2);
}

TEST_CASE("i8042: the keyboard answers, one interrupt a byte", "[i8042]") {
  Controller pc;
  pc.data(0xff);
  CHECK(pc.irq.count == 1);
  CHECK(pc.replies() == Bytes{0xfa, 0xaa});
  CHECK(pc.irq.count == 2);
  CHECK_FALSE(pc.irq.level);
  CHECK(pc.device.read(0, 1) == 0xaa);  // nothing new: the last one again

  pc.data(0xf2);
  CHECK(pc.replies() == Bytes{0xfa, 0xab, 0x41});  // translated
  pc.data(0xed);
  pc.data(0x07);
  CHECK(pc.replies() == Bytes{0xfa, 0xfa});
  pc.data(0x05);
  CHECK(pc.replies() == Bytes{0xfe});

  pc.command(0x60);
  pc.data(0x00);  // no translation, no interrupt
  const int before = pc.irq.count;
  pc.data(0xf2);
  CHECK(pc.replies() == Bytes{0xfa, 0xab, 0x83});
  pc.data(0xf0);
  pc.data(0x01);
  pc.data(0xf0);
  pc.data(0x00);
  CHECK(pc.replies() == Bytes{0xfa, 0xfa, 0xfa, 0xfa, 0x01});
  CHECK(pc.irq.count == before);
}

TEST_CASE("i8042: the output buffer is bounded and its state moves", "[i8042]") {
  Controller pc;
  for (int i = 0; i < 100; ++i) pc.data(0xee);
  Controller other;
  check_state_moves(pc.device, other.device);
  CHECK(other.irq.level);
  CHECK(other.replies().size() == 16);
}

namespace {

Bytes codes(std::string_view chord, unsigned set) {
  const auto bytes = scan_codes(chord_named(chord), set);
  return {bytes.begin(), bytes.end()};
}

std::vector<Chord> chords(std::initializer_list<std::string_view> names) {
  std::vector<Chord> all;
  for (const auto name : names) all.push_back(chord_named(name));
  return all;
}

std::vector<Chord> typing(std::string_view text) { return chords_typing(std::as_bytes(std::span(text))); }

}  // namespace

TEST_CASE("keys: QEMU's names, in both sets", "[keys]") {
  CHECK(codes("a", 1) == Bytes{0x1e, 0x9e});
  CHECK(codes("a", 2) == Bytes{0x1c, 0xf0, 0x1c});
  CHECK(codes("shift-a", 1) == Bytes{0x2a, 0x1e, 0x9e, 0xaa});
  CHECK(codes("ctrl-alt-delete", 1) == Bytes{0x1d, 0x38, 0xe0, 0x53, 0xe0, 0xd3, 0xb8, 0x9d});
  CHECK(codes("up", 2) == Bytes{0xe0, 0x75, 0xe0, 0xf0, 0x75});
  CHECK(codes("f7", 2) == Bytes{0x83, 0xf0, 0x83});
  CHECK(codes("pause", 1) == Bytes{0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5});
  CHECK(codes("pause", 2) == Bytes{0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77});
  CHECK(codes("0x1c", 1) == codes("ret", 1));
  for (const auto* wrong : {"", "shift-", "-", "xyzzy", "0x7f", "0xe0ff", "A"}) CHECK_THROWS(chord_named(wrong));
}

TEST_CASE("keys: what a terminal sends is typed", "[keys]") {
  CHECK(typing("aA\r") == chords({"a", "shift-a", "ret"}));
  CHECK(typing("\n\t \x7f") == chords({"ret", "tab", "spc", "backspace"}));
  CHECK(typing("\x03\x1b[A\x1bOP\x1b[24~") == chords({"ctrl-c", "up", "f1", "f12"}));
  CHECK(typing("\x1b") == chords({"esc"}));
  CHECK(typing("\x1bx") == chords({"alt-x"}));
  CHECK(typing("\x1b\x1b[B") == chords({"esc", "down"}));
  CHECK(typing("\xc3\xa4~") == chords({"shift-grave_accent"}));
}

TEST_CASE("i8042: typed keys come one byte an interrupt, as the command byte says", "[i8042]") {
  Controller pc;
  CHECK(pc.device.type(chord_named("shift-a")) == I8042::Typed::kTaken);
  CHECK(pc.irq.count == 1);
  CHECK((pc.status() & 3) == 1);
  CHECK(pc.replies() == Bytes{0x2a, 0x1e, 0x9e, 0xaa});
  CHECK(pc.irq.count == 4);
  pc.command(0x60);
  pc.data(0x05);  // no translation
  pc.device.type(chord_named("a"));
  CHECK(pc.replies() == Bytes{0x1c, 0xf0, 0x1c});
}

TEST_CASE("i8042: keys wait while the keyboard is held, and replies come first", "[i8042]") {
  Controller pc;
  pc.command(0xad);
  pc.device.type(chord_named("b"));
  CHECK(pc.status() == (0x10 | 0x08 | 0x04));
  pc.command(0x20);
  CHECK(pc.replies() == Bytes{0x55});
  pc.command(0xae);
  CHECK(pc.replies() == Bytes{0x30, 0xb0});
}

TEST_CASE("i8042: no break code is lost: a chord is taken whole or refused", "[i8042]") {
  Controller pc;
  int taken = 0;
  while (pc.device.takes_keys()) {
    CHECK(pc.device.type(chord_named("a")) == I8042::Typed::kTaken);
    ++taken;
  }
  while (pc.device.type(chord_named("a")) == I8042::Typed::kTaken) ++taken;
  CHECK(pc.device.type(chord_named("a")) == I8042::Typed::kFull);
  Controller other;
  check_state_moves(pc.device, other.device);
  const auto all = other.replies();
  CHECK(all.size() == 2u * static_cast<unsigned>(taken));
  CHECK(all.back() == 0x9e);

  pc.data(0xf5);  // silent
  CHECK(pc.device.type(chord_named("a")) == I8042::Typed::kOff);
  pc.data(0xf4);
  pc.replies();
  pc.data(0xf0);
  pc.data(0x03);  // a set that is not there
  CHECK(pc.replies() == Bytes{0xfa, 0xfe});
}
