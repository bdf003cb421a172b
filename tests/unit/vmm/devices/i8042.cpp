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
