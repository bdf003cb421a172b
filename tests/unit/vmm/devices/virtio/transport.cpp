#include "tests/unit/vmm/devices/virtio/driver.hpp"
#include "vmm/base/errors.hpp"
#include "vmm/devices/virtio/random.hpp"

namespace vmm::virtio {
namespace {

void fill_with_7(std::span<std::byte> bytes) { std::ranges::fill(bytes, std::byte{7}); }

struct RandomGuest : Guest {
  Random device{fill_with_7, memory, irq.line()};
  Driver driver{*this, device};
};

}  // namespace

TEST_CASE("a virtio-mmio device can be found, and its features are chosen before it is used") {
  RandomGuest guest;
  Driver& driver = guest.driver;
  CHECK(driver.reg(0x00) == 0x74726976);
  CHECK(driver.reg(0x04) == 2);
  CHECK(driver.reg(0x08) == 4);
  CHECK(driver.reg(0x70) == 0);
  driver.set(0x14, 1);
  CHECK(driver.reg(0x10) == 1);  // VIRTIO_F_VERSION_1
  driver.set(0x14, 0);
  CHECK(driver.reg(0x10) == (1u << 28 | 1u << 29));
  driver.set(0x14, 2);
  CHECK(driver.reg(0x10) == 0);

  SECTION("without VERSION_1, FEATURES_OK does not stay") {
    driver.negotiate(0);
    CHECK(driver.status() == 3);
    driver.set(0x70, 0xf);
    CHECK(driver.status() == 3);  // nor does DRIVER_OK without it
  }
  SECTION("nor with a feature that was not offered") {
    driver.negotiate(kVersion1Bit | 1);
    CHECK(driver.status() == 3);
  }
  SECTION("features are fixed from then on, and bits of the status are never cleared but by a reset") {
    driver.negotiate(kVersion1Bit);
    CHECK(driver.status() == 0xb);
    driver.set(0x24, 0);
    driver.set(0x20, 1);
    driver.set(0x70, 1);
    CHECK(driver.status() == 0xb);
    driver.set(0x70, 0);
    CHECK(driver.status() == 0);
  }
}

TEST_CASE("virtio-mmio registers are 32 bits wide, its configuration is not") {
  RandomGuest guest;
  CHECK(guest.device.read(0, 1) == 0);
  CHECK(guest.device.read(0, 8) == 0);
  guest.device.write(0x70, 1, 1);
  CHECK(guest.driver.status() == 0);
  CHECK(guest.device.read(0x100, 8) == 0);
  CHECK(guest.device.read(0xffc, 4) == 0);
  CHECK(guest.driver.reg(0xb0) == 0xffffffff);  // no shared memory
  CHECK(guest.driver.reg(0xfc) == 0);
}

TEST_CASE("a virtqueue is served when the driver notifies, and interrupts until it acknowledges") {
  RandomGuest guest;
  Driver& driver = guest.driver;
  driver.start(1);
  CHECK(driver.reg(0x44) == 1);
  driver.send(0, 3, {{0x5000, 16, kWriteFlag}, {0x6000, 4, kWriteFlag}});
  CHECK(guest.peek(0x5000, 17) == std::string(16, 7) + '\0');
  CHECK(guest.peek(0x6000, 5) == std::string(4, 7) + '\0');
  CHECK(driver.used_index(0) == 1);
  CHECK(driver.used_row(0, 0) == Driver::Used{3, 20});
  CHECK(guest.irq.level);
  CHECK(driver.reg(0x60) == 1);
  driver.set(0x64, 1);
  CHECK_FALSE(guest.irq.level);
  CHECK(driver.reg(0x60) == 0);

  SECTION("for many rounds of the ring") {
    for (unsigned i = 1; i < 70000; ++i) {
      driver.offer(0, 3);
      driver.notify(0);
    }
    CHECK(driver.used_index(0) == 70000 % 65536);
  }
  SECTION("by an indirect table as well") {
    driver.lay(0x7000, {0x5100, 8, kWriteFlag | kNextFlag, 2});
    driver.lay(0x7020, {0x5200, 8, kWriteFlag});
    driver.send(0, 1, {{0x7000, 48, kIndirectFlag}});
    CHECK(driver.used_row(0, 1) == Driver::Used{1, 16});
    CHECK(guest.peek(0x5200, 8) == std::string(8, 7));
  }
  SECTION("not while the driver wants no interrupts") {
    guest.ram.store<std::uint16_t>(Driver::available(0), 1);
    driver.send(0, 0, {{0x5000, 1, kWriteFlag}});
    CHECK(driver.used_index(0) == 2);
    CHECK_FALSE(guest.irq.level);
  }
  SECTION("a queue that is taken out of use does nothing, and begins anew") {
    driver.set(0x44, 0);
    CHECK(driver.reg(0x44) == 0);
    driver.send(0, 0, {{0x5000, 1, kWriteFlag}});
    CHECK(driver.used_index(0) == 1);
    guest.ram.store<std::uint32_t>(Driver::available(0), 0);
    driver.set_queue(0);
    driver.send(0, 0, {{0x5000, 1, kWriteFlag}});
    CHECK(driver.used_index(0) == 1);
    CHECK(driver.used_row(0, 0) == Driver::Used{0, 1});
  }
  SECTION("what was notified before DRIVER_OK is served then") {
    driver.negotiate(kVersion1Bit);
    guest.ram.store<std::uint32_t>(Driver::available(0), 0);
    guest.ram.store<std::uint32_t>(Driver::used(0), 0);
    driver.set_queue(0);
    driver.send(0, 0, {{0x5000, 1, kWriteFlag}});
    CHECK(driver.used_index(0) == 0);
    driver.set(0x70, 0xf);
    CHECK(driver.used_index(0) == 1);
  }
}

TEST_CASE("with event indexes, a driver says which used buffer interrupts, and a device which chain notifies") {
  RandomGuest guest;
  Driver& driver = guest.driver;
  driver.start(1, kEventIndexBit);
  const auto used_event = Driver::available(0) + 4 + 2 * Driver::kSize;
  const auto avail_event = Driver::used(0) + 4 + 8 * Driver::kSize;
  guest.ram.store<std::uint16_t>(used_event, 1);
  driver.send(0, 0, {{0x5000, 1, kWriteFlag}});
  CHECK_FALSE(guest.irq.level);
  CHECK(guest.ram.load<std::uint16_t>(avail_event) == 1);
  driver.send(0, 0, {{0x5000, 1, kWriteFlag}});
  CHECK(guest.irq.level);
  CHECK(guest.ram.load<std::uint16_t>(avail_event) == 2);
}

TEST_CASE("a driver that breaks the rules of a virtqueue has to reset the device, and no more happens") {
  RandomGuest guest;
  Driver& driver = guest.driver;
  driver.start(1);
  const auto expect_fault = [&] {
    CHECK(driver.needs_reset());
    CHECK(driver.reg(0x60) == 2);  // told by a change of configuration
    CHECK(guest.irq.level);
    CHECK(driver.used_index(0) == 0);
    driver.send(0, 0, {{0x5000, 1, kWriteFlag}});
    CHECK(driver.used_index(0) == 0);
    driver.set(0x70, 0);
    CHECK(driver.status() == 0);
    CHECK_FALSE(guest.irq.level);
    guest.ram.store<std::uint32_t>(Driver::available(0), 0);
    driver.start(1);
    driver.send(0, 0, {{0x5000, 1, kWriteFlag}});
    CHECK(driver.used_index(0) == 1);
  };
  SECTION("a chain in a circle") {
    driver.lay(Driver::table(0), {0x5000, 1, kWriteFlag | kNextFlag, 0});
    driver.offer(0, 0);
    driver.notify(0);
    expect_fault();
  }
  SECTION("a circle of empty buffers") {
    driver.lay(Driver::table(0), {0x5000, 0, kNextFlag, 0});
    driver.offer(0, 0);
    driver.notify(0);
    expect_fault();
  }
  SECTION("a head beyond the table") {
    driver.offer(0, Driver::kSize);
    driver.notify(0);
    expect_fault();
  }
  SECTION("a link beyond the table") {
    driver.lay(Driver::table(0), {0x5000, 1, kWriteFlag | kNextFlag, 0xffff});
    driver.offer(0, 0);
    driver.notify(0);
    expect_fault();
  }
  SECTION("a buffer that ends outside memory") {
    driver.send(0, 0, {{layout::kMiB - 4, 8, kWriteFlag}});
    expect_fault();
  }
  SECTION("a buffer to be filled in ROM") {
    driver.send(0, 0, {{layout::kAbove4G - 8, 8, kWriteFlag}});
    CHECK(guest.dma.empty());
    expect_fault();
  }
  SECTION("a buffer at the end of all addresses") {
    driver.send(0, 0, {{~0ull - 3, 8, kWriteFlag}});
    expect_fault();
  }
  SECTION("a buffer of 4 GiB") {
    driver.send(0, 0, {{0x5000, 0xffffffff, kWriteFlag}});
    expect_fault();
  }
  SECTION("one to read behind one to write") {
    driver.send(0, 0, {{0x5000, 1, kWriteFlag}, {0x6000, 1, 0}});
    expect_fault();
  }
  SECTION("an indirect table in an indirect table") {
    driver.lay(0x7000, {0x7000, 16, kIndirectFlag});
    driver.send(0, 0, {{0x7000, 16, kIndirectFlag}});
    expect_fault();
  }
  SECTION("an indirect table of no entries, and of a fraction") {
    const auto length = GENERATE(0u, 8u, 0xffffffffu);
    driver.send(0, 0, {{0x7000, length, kIndirectFlag}});
    expect_fault();
  }
  SECTION("an indirect table outside memory") {
    driver.send(0, 0, {{1ull << 40, 0x10000000, kIndirectFlag}});
    expect_fault();
  }
  SECTION("more chains than the queue can hold") {
    guest.ram.store<std::uint16_t>(Driver::available(0) + 2, Driver::kSize + 1);
    driver.notify(0);
    expect_fault();
  }
}

TEST_CASE("a virtqueue that can't be is refused") {
  RandomGuest guest;
  Driver& driver = guest.driver;
  driver.negotiate(kVersion1Bit);
  SECTION("by its size") {
    const auto size = GENERATE(0u, 3u, 256u, 0x10008u);
    driver.set_queue(0, size);
    CHECK(driver.reg(0x44) == 0);
    CHECK(driver.needs_reset());
  }
  SECTION("by its place") {
    const auto reg = GENERATE(0x84u, 0x94u, 0xa4u);
    driver.set(0x30, 0);
    driver.set(reg, 1);
    driver.set_queue(0);
    CHECK(driver.reg(0x44) == 0);
    CHECK(driver.needs_reset());
  }
  SECTION("by its alignment") {
    driver.set(0x38, 8);
    driver.set(0x80, 0x10008);
    driver.set(0x44, 1);
    CHECK(driver.needs_reset());
  }
  SECTION("one that is not there has no size, and is not ready whatever is written") {
    driver.set_queue(5);
    CHECK(driver.reg(0x34) == 0);
    CHECK(driver.reg(0x44) == 0);
    driver.notify(5);
    CHECK(driver.status() == 0xb);
  }
}

TEST_CASE("a device's writes are heard of, and go under planted traps, which its reads do not see") {
  RandomGuest guest;
  guest.ram.store<std::uint8_t>(0x5003, 0x90);
  guest.planted.plant(0x5003, std::byte{0xcc});
  CHECK(guest.memory.load<std::uint8_t>(0x5003) == 0x90);
  guest.driver.start(1);
  guest.driver.send(0, 0, {{0x5000, 8, kWriteFlag}});
  CHECK(guest.ram.load<std::uint8_t>(0x5003) == 0xcc);
  CHECK(guest.memory.load<std::uint8_t>(0x5003) == 7);
  guest.planted.lift();
  CHECK(guest.peek(0x5000, 8) == std::string(8, 7));
  const std::vector<std::pair<std::uint64_t, std::size_t>> expected{
      {0x5000, 8}, {Driver::used(0) + 4, 8}, {Driver::used(0) + 2, 2}};
  CHECK(guest.dma == expected);
  CHECK_FALSE(guest.memory.write(layout::kMiB - 1, std::as_bytes(std::span("ab", 2))));
  CHECK(guest.dma.size() == 3);
}

TEST_CASE("the state of a virtio device moves to another, which goes on where it was") {
  RandomGuest guest;
  guest.driver.start(1, kEventIndexBit);
  guest.driver.send(0, 0, {{0x5000, 1, kWriteFlag}});
  FakeIrq irq;
  Random other(fill_with_7, guest.memory, irq.line());
  check_state_moves(guest.device, other);
  CHECK(irq.level);
  Driver next(guest, other);
  next.send(0, 1, {{0x5000, 1, kWriteFlag}});
  CHECK(next.used_index(0) == 2);

  SECTION("but not if its queue would lie outside memory") {
    auto bytes = saved(guest.device);
    const auto zero = std::byte{};
    for (std::size_t i = 0; i + 8 < bytes.size(); ++i) {
      if (bytes[i] == zero && bytes[i + 1] == zero && bytes[i + 2] == std::byte{1} && bytes[i + 3] == zero)
        bytes[i + 7] = std::byte{0x7f};
    }
    StateReader in(bytes);
    CHECK_THROWS_AS(other.load(in), HostError);
  }
}

}  // namespace vmm::virtio
