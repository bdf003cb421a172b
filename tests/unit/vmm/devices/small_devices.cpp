#include "device_test.hpp"
#include "vmm/devices/absent.hpp"
#include "vmm/devices/bus.hpp"
#include "vmm/devices/cmos.hpp"
#include "vmm/devices/debug_console.hpp"
#include "vmm/devices/debug_exit.hpp"
#include "vmm/devices/pm_timer.hpp"
#include "vmm/devices/power.hpp"
#include "vmm/devices/reset_control.hpp"

using namespace vmm;
using Kind = MachineRequest::Kind;

TEST_CASE("debug console: prints, and says that it is there", "[debug_console]") {
  FakeHost host;
  DebugConsole console(host);
  console.write(0, 1, 'A');
  CHECK(host.text == "A");
  CHECK(console.read(0, 1) == 0xe9);
}

TEST_CASE("debug exit: the status is (value << 1) | 1, of any width", "[debug_exit]") {
  FakeRequests requests;
  DebugExit device(requests.sink());
  device.write(0, 1, 0);
  device.write(0, 2, 0x10);
  device.write(0, 4, 0xffff'ffff);
  REQUIRE(requests.seen.size() == 3);
  CHECK(requests.seen[0].kind == Kind::kExit);
  CHECK(requests.seen[0].exit_code == 1);
  CHECK(requests.seen[1].exit_code == 0x21);
  CHECK(requests.seen[2].exit_code == 0xff);
}

TEST_CASE("power: SLP_EN powers off, whatever the sleep type", "[power]") {
  FakeRequests requests;
  Power power(Power::kPlaces[0], requests.sink());
  power.write(0, 2, 0x0001);
  power.write(0, 1, 0x20);
  power.write(0, 2, 0x1c00);
  CHECK(requests.seen.empty());
  CHECK(power.read(0, 2) == 0x1c01);
  power.write(0, 2, 0x2000);
  power.write(0, 2, 0x3400);
  power.write(1, 1, 0x20);
  REQUIRE(requests.seen.size() == 3);
  CHECK(requests.seen[0].kind == Kind::kPowerOff);
  CHECK(power.read(0, 2) == 1);
  power.write(0, 2, 0x1c01);
  Power other(Power::kPlaces[0], requests.sink());
  check_state_moves(power, other);
}

TEST_CASE("power events: none, but what is enabled reads back", "[power]") {
  PowerEvents events;
  events.write(0, 4, 0x0321'ffff);
  CHECK(events.read(0, 2) == 0);
  CHECK(events.read(2, 2) == 0x0321);
  PowerEvents other;
  check_state_moves(events, other);
}

TEST_CASE("ACPI timer: 3.579545 MHz of the guest's clock, 32 bits", "[pm_timer]") {
  std::uint64_t now = 0;
  PmTimer timer([&] { return now; });
  CHECK(timer.read(0, 4) == 0);
  now = 1'000'000'000;
  CHECK(timer.read(0, 4) == PmTimer::kHertz);
  CHECK(timer.read(0, 2) == (PmTimer::kHertz & 0xffff));
  CHECK(timer.read(1, 1) == (PmTimer::kHertz >> 8 & 0xff));
  now = 1'500'000'000;
  timer.write(0, 4, 0);
  CHECK(timer.read(0, 4) == PmTimer::kHertz + PmTimer::kHertz / 2);
  now = 10'000'000'000'000'000;  // four months
  CHECK(timer.read(0, 4) == (10'000'000 * PmTimer::kHertz & 0xffff'ffff));
  PmTimer other([] { return std::uint64_t{0}; });
  check_state_moves(timer, other);
}

TEST_CASE("reset control: bit 2 rising resets, and reads back", "[reset_control]") {
  std::mutex lock;
  Bus bus(lock);
  FakeRequests requests;
  ResetControl control(requests.sink());
  bus.add(ResetControl::kPort, ResetControl::kPorts, control);
  bus.write(0xcf9, 1, 0x02);
  CHECK(requests.seen.empty());
  CHECK(bus.read(0xcf9, 1) == 0x02);
  bus.write(0xcf9, 1, 0x06);
  REQUIRE(requests.seen.size() == 1);
  CHECK(requests.seen[0].kind == Kind::kReset);
  bus.write(0xcf9, 1, 0x06);
  CHECK(requests.seen.size() == 1);
  bus.write(0xcf9, 1, 0x00);
  bus.write(0xcf9, 1, 0x0e);
  CHECK(requests.seen.size() == 2);
  ResetControl other(requests.sink());
  check_state_moves(control, other);
}

TEST_CASE("reset control: a PCI configuration address at 0xcf8 never resets", "[reset_control]") {
  std::mutex lock;
  Bus bus(lock);
  FakeRequests requests;
  ResetControl control(requests.sink());
  bus.add(ResetControl::kPort, ResetControl::kPorts, control);
  for (std::uint32_t devfn = 0; devfn < 256; ++devfn) bus.write(0xcf8, 4, 0x8000'0000 | (devfn << 8));
  CHECK(requests.seen.empty());
  CHECK(bus.read(0xcf8, 4) == 0xffff'ffff);
  CHECK(bus.read(0xcfc, 4) == 0xffff'ffff);
}

TEST_CASE("fast A20: on, and bit 0 resets", "[reset_control]") {
  FakeRequests requests;
  FastA20 a20(requests.sink());
  CHECK(a20.read(0, 1) == 0x02);
  a20.write(0, 1, 0x02);
  CHECK(requests.seen.empty());
  a20.write(0, 1, 0x03);
  REQUIRE(requests.seen.size() == 1);
  CHECK(requests.seen[0].kind == Kind::kReset);
  FastA20 other(requests.sink());
  check_state_moves(a20, other);
}

namespace {

std::uint8_t cmos(Cmos& device, std::uint8_t index) {
  device.write(0, 1, index);
  return static_cast<std::uint8_t>(device.read(1, 1));
}

constexpr std::uint64_t kMiB = 1 << 20;

}  // namespace

TEST_CASE("cmos: the time as BCD, and as the guest chose in register B", "[cmos]") {
  std::int64_t now = 1'709'251'199;  // Thursday 2024-02-29 23:59:59 UTC
  Cmos device([&] { return now; }, {128 * kMiB, 0});
  const auto all = [&] {
    std::vector<int> values;
    for (const auto index : {0x32, 0x09, 0x08, 0x07, 0x06, 0x04, 0x02, 0x00}) {
      values.push_back(cmos(device, static_cast<std::uint8_t>(index)));
    }
    return values;
  };
  CHECK(all() == std::vector{0x20, 0x24, 0x02, 0x29, 5, 0x23, 0x59, 0x59});
  device.write(0, 2, 0x060b);  // index and data in one word: binary, 24 hours
  CHECK(all() == std::vector{20, 24, 2, 29, 5, 23, 59, 59});
  device.write(0, 2, 0x000b);  // BCD, 12 hours
  CHECK(cmos(device, 4) == 0x91);
  now += 1;
  CHECK(cmos(device, 4) == 0x12);
  CHECK(cmos(device, 7) == 0x01);
  CHECK(cmos(device, 8) == 0x03);
  now = -5;
  CHECK(cmos(device, 9) == 0x70);
  now = INT64_MAX;
  CHECK(cmos(device, 9) == 0x99);
}

TEST_CASE("cmos: status registers, memory sizes, plain storage", "[cmos]") {
  Cmos device([] { return 0; }, {3072 * kMiB, 1024 * kMiB});
  CHECK(cmos(device, 0x8a) == 0x26);  // bit 7 of the index is the NMI mask
  CHECK(cmos(device, 0x0b) == 0x02);
  CHECK(cmos(device, 0x0c) == 0x00);
  CHECK(cmos(device, 0x0d) == 0x80);
  const auto size = [&](std::uint8_t index, int count) {
    int value = 0;
    for (int i = 0; i < count; ++i) value |= cmos(device, static_cast<std::uint8_t>(index + i)) << (8 * i);
    return value;
  };
  CHECK(size(0x15, 2) == 640);
  CHECK(size(0x17, 2) == 0xffff);
  CHECK(size(0x30, 2) == 0xffff);
  CHECK(size(0x34, 2) == (3072 - 16) * 16);
  CHECK(size(0x5b, 3) == 1024 * 16);

  device.write(0, 2, 0xff0a);
  CHECK(cmos(device, 0x0a) == 0x7f);
  device.write(0, 2, 0xff0d);
  CHECK(cmos(device, 0x0d) == 0x80);
  device.write(0, 2, 0x0a0f);
  CHECK(cmos(device, 0x0f) == 0x0a);
  Cmos other([] { return 0; }, {kMiB, 0});
  CHECK(cmos(other, 0x17) == 0);
  check_state_moves(device, other);
  CHECK(cmos(other, 0x0f) == 0x0a);
}

TEST_CASE("cmos: what SeaBIOS asks of the CPUs and the boot order", "[cmos]") {
  Cmos device([] { return 0; }, {kMiB, 0}, 4);
  CHECK(cmos(device, 0x5f) == 3);
  CHECK(cmos(device, 0x3d) == 0x02);
}

TEST_CASE("absent: the usual waits at every status port end", "[absent]") {
  struct Wait {
    std::uint16_t port;
    std::uint8_t mask;
    std::uint8_t until;
  };
  const auto wait = GENERATE(values<Wait>({
      {0x1f7, 0x80, 0x00},                       // not BSY
      {0x1f7, 0xc0, 0x40},                       // DRDY and not BSY
      {0x1f7, 0x08, 0x08},                       // DRQ
      {0x1f7, 0x88, 0x08},                       // DRQ and not BSY
      {0x1f7, 0x88, 0x00},                       // neither
      {0x1f7, 0x50, 0x50},                       // DRDY and DSC
      {0x1f7, 0x01, 0x01},                       // ERR
      {0x376, 0x80, 0x00}, {0x2fd, 0x20, 0x20},  // THRE
      {0x2fd, 0x60, 0x60}, {0x2fd, 0x01, 0x00},  // drained
      {0x3f4, 0xc0, 0x80},                       // give a command
      {0x3f4, 0xc0, 0xc0},                       // take a result
      {0x3f4, 0x10, 0x00},                       // not busy
      {0x379, 0x80, 0x80},                       // not busy
      {0x379, 0x80, 0x00},                       // taken
      {0x379, 0x40, 0x00},                       // acknowledged
      {0x3da, 0x08, 0x08}, {0x3da, 0x08, 0x00}, {0x3da, 0x01, 0x01},
      {0x3da, 0x01, 0x00}, {0x3ba, 0x80, 0x80}, {0x3ba, 0x80, 0x00},
  }));
  for (const auto& row : absent_ports()) {
    if (row.port != wait.port) continue;
    Absent device(row);
    int reads = 0;
    while ((device.read(0, 1) & wait.mask) != wait.until && reads < 4) ++reads;
    INFO(row.name << " mask " << int{wait.mask});
    CHECK(reads < 4);
    Absent other(row);
    check_state_moves(device, other);
    return;
  }
  FAIL("no row for port " << wait.port);
}

TEST_CASE("cmos: what a BIOS leaves of the disks, and bytes that a kernel stores", "[cmos]") {
  Cmos device([] { return std::int64_t{0}; }, {128 * kMiB, 0});
  CHECK(cmos(device, 0x12) == 0);
  CHECK(cmos(device, 0x10) == 0);  // no floppy drives
  device.describe_disk(0, 0x1234, 16, 63);
  CHECK(cmos(device, 0x12) == 0xf0);
  CHECK(cmos(device, 0x19) == 47);
  CHECK(cmos(device, 0x1b) == 0x34);
  CHECK(cmos(device, 0x1c) == 0x12);
  CHECK(cmos(device, 0x1d) == 16);
  CHECK(cmos(device, 0x23) == 63);
  CHECK(cmos(device, 0x39) == 1);  // more cylinders than INT 13h can say
  device.describe_disk(1, 7, 16, 63);
  CHECK(cmos(device, 0x12) == 0xff);
  CHECK(cmos(device, 0x39) == 1);
  CHECK(cmos(device, 0x24) == 7);
  device.write(0, 2, 0x0a0f);  // the shutdown code for the warm-reset vector
  CHECK(cmos(device, 0x0f) == 0x0a);
}
