#include <optional>

#include "tests/unit/vmm/devices/fake_disk.hpp"
#include "tests/unit/vmm/devices/virtio/driver.hpp"
#include "vmm/base/errors.hpp"
#include "vmm/devices/virtio/block.hpp"
#include "vmm/devices/virtio/console.hpp"
#include "vmm/devices/virtio/net.hpp"

namespace vmm::virtio {
namespace {

struct BlockGuest : Guest {
  explicit BlockGuest(bool read_only = false, std::uint64_t features = 0) {
    disk.is_read_only = read_only;
    device.emplace(disk, "the-serial", memory, irq.line());
    driver.emplace(*this, *device);
    driver->start(1, features);
  }
  void header(std::uint32_t type, std::uint64_t sector) {
    ram.store(0x4000, type);
    ram.store<std::uint64_t>(0x4008, sector);
    poke(0x4800, "\x55");
  }
  /// A request with its data at 0x5000; returns the status byte.
  unsigned request(std::uint32_t type, std::uint64_t sector, std::uint32_t length, std::uint16_t flags) {
    header(type, sector);
    driver->send(0, 0, {{0x4000, 16, 0}, {0x5000, length, flags}, {0x4800, 1, kWriteFlag}});
    return ram.load<std::uint8_t>(0x4800).value();
  }
  FakeDisk disk{8};
  std::optional<Block> device;
  std::optional<Driver> driver;
};

enum : std::uint32_t { kIn = 0, kOut = 1, kFlush = 4, kGetId = 8, kDiscard = 11 };

struct NetGuest : Guest {
  struct Host final : NetPort {
    void send(std::span<const std::byte> frame) override {
      frames.emplace_back(reinterpret_cast<const char*>(frame.data()), frame.size());
    }
    std::vector<std::string> frames;
  } host;
  int rooms = 0;
  Net device{host, {0x52, 0x54, 0, 1, 2, 3}, [this] { ++rooms; }, memory, irq.line()};
  Driver driver{*this, device};
};

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

struct ConsoleGuest : Guest {
  FakeHost host;
  int rooms = 0;
  Console device{host, [this] { ++rooms; }, memory, irq.line()};
  Driver driver{*this, device};
};

}  // namespace

TEST_CASE("a virtio disk tells its size and reads sectors") {
  BlockGuest guest;
  CHECK(guest.device->read(0x100, 8) == 8);
  CHECK(guest.device->read(0x114, 4) == 512);
  CHECK(guest.request(kIn, 1, 1024, kWriteFlag) == 0);
  CHECK(guest.peek(0x5000, 1025) == std::string(512, 1) + std::string(512, 2) + '\0');
  CHECK(guest.driver->used_row(0, 0) == Driver::Used{0, 1025});
  CHECK(guest.irq.level);
}

TEST_CASE("a virtio disk writes sectors, and has them on the disk at once or when it is flushed") {
  SECTION("at once without the flush feature") {
    BlockGuest guest;
    guest.poke(0x5000, std::string(512, 'z'));
    CHECK(guest.request(kOut, 7, 512, 0) == 0);
    CHECK(guest.disk.bytes[7 * 512 - 1] == std::byte{6});
    CHECK(guest.disk.bytes[7 * 512] == std::byte{'z'});
    CHECK(guest.disk.bytes.back() == std::byte{'z'});
    CHECK(guest.disk.flushes == 1);
  }
  SECTION("else by a flush") {
    BlockGuest guest(false, 1u << 9);
    CHECK(guest.request(kOut, 0, 512, 0) == 0);
    CHECK(guest.disk.flushes == 0);
    CHECK(guest.request(kFlush, 0, 0, 0) == 0);
    CHECK(guest.disk.flushes == 1);
  }
}

TEST_CASE("the parts of a block request lie in buffers as the driver likes") {
  BlockGuest guest;
  guest.header(kIn, 5);
  guest.driver->send(
      0, 0,
      {{0x4000, 5, 0}, {0x4005, 11, 0}, {0x5000, 100, kWriteFlag}, {0x6000, 0, kWriteFlag}, {0x7000, 413, kWriteFlag}});
  CHECK(guest.peek(0x5000, 100) == std::string(100, 5));
  CHECK(guest.peek(0x7000, 413) == std::string(412, 5) + '\0');
}

TEST_CASE("a virtio disk says who it is") {
  BlockGuest guest;
  CHECK(guest.request(kGetId, 0, 20, kWriteFlag) == 0);
  CHECK(guest.peek(0x5000, 20) == std::string("the-serial") + std::string(10, '\0'));
}

TEST_CASE("what a virtio disk can't do is an error that the guest sees") {
  BlockGuest guest;
  const auto before = guest.disk.bytes;
  CHECK(guest.request(kIn, 8, 512, kWriteFlag) == 1);
  CHECK(guest.request(kIn, 7, 1024, kWriteFlag) == 1);
  CHECK(guest.request(kOut, ~0ull, 512, 0) == 1);
  CHECK(guest.request(kOut, 1ull << 55, 512, 0) == 1);
  CHECK(guest.request(kIn, 0, 500, kWriteFlag) == 1);
  CHECK(guest.request(kDiscard, 0, 512, 0) == 2);
  CHECK(guest.driver->used_row(0, 0).length == 0);  // nothing before the status was written
  guest.disk.broken = true;
  CHECK(guest.request(kIn, 0, 512, kWriteFlag) == 1);
  CHECK(guest.request(kOut, 0, 512, 0) == 1);
  CHECK(guest.request(kFlush, 0, 0, 0) == 1);
  CHECK(guest.disk.bytes == before);
  CHECK(guest.driver->status() == 0xf);

  SECTION("a header that is too short, too") {
    guest.driver->send(0, 0, {{0x4000, 15, 0}, {0x4800, 1, kWriteFlag}});
    CHECK(guest.ram.load<std::uint8_t>(0x4800) == 1);
  }
  SECTION("but without room for the status, a reset is needed") {
    guest.driver->send(0, 0, {{0x4000, 16, 0}});
    CHECK(guest.driver->needs_reset());
  }
}

TEST_CASE("a read-only virtio disk says so, and stays as it is") {
  BlockGuest guest(true);
  guest.driver->set(0x14, 0);
  CHECK((guest.driver->reg(0x10) & 1u << 5) != 0);
  const auto before = guest.disk.bytes;
  CHECK(guest.request(kOut, 0, 512, 0) == 1);
  CHECK(guest.request(kIn, 0, 512, kWriteFlag) == 0);
  CHECK(guest.disk.bytes == before);
}

TEST_CASE("a virtio console writes what the guest writes, when the host is ready") {
  ConsoleGuest guest;
  guest.driver.start(2);
  guest.poke(0x5000, "hello, world");
  guest.driver.send(1, 0, {{0x5000, 7, 0}, {0x5007, 5, 0}});
  CHECK(guest.host.text == "hello, world");
  CHECK(guest.driver.used_row(1, 0) == Driver::Used{0, 0});

  guest.host.is_ready = false;
  guest.driver.send(1, 2, {{0x5000, 5, 0}});
  CHECK(guest.host.text == "hello, world");
  CHECK(guest.driver.used_index(1) == 1);
  guest.host.is_ready = true;
  guest.device.work();
  CHECK(guest.host.text == "hello, worldhello");
  CHECK(guest.driver.used_index(1) == 2);
}

TEST_CASE("what is typed at a virtio console waits for the guest, and nothing of it is lost") {
  ConsoleGuest guest;
  std::string typed(Console::kMaxReceive, 'x');
  typed.back() = '!';
  unsigned pieces = 0;
  for (; guest.device.accepting(); ++pieces) guest.device.receive(bytes_of(typed));
  CHECK(pieces == 4);
  guest.device.work();
  guest.driver.start(2);
  for (unsigned i = 0; i < 4; ++i) {
    guest.driver.send(0, 0, {{0x5000, 1024, kWriteFlag}});
    CHECK(guest.peek(0x5000, 1024) == typed);
    CHECK(guest.driver.used_row(0, i) == Driver::Used{0, 1024});
  }
  CHECK(guest.rooms == 1);
  guest.driver.send(0, 0, {{0x5000, 1024, kWriteFlag}});
  CHECK(guest.driver.used_index(0) == 4);
  guest.device.receive(bytes_of("ls\n"));
  CHECK(guest.driver.used_index(0) == 4);  // not before work(): the guest may stand
  guest.device.work();
  CHECK(guest.driver.used_row(0, 4) == Driver::Used{0, 3});
  CHECK(guest.peek(0x5000, 4) == "ls\nx");
}

TEST_CASE("the virtio console's waiting input is part of its state") {
  ConsoleGuest guest;
  guest.driver.start(2);
  guest.device.receive(bytes_of("typed"));
  ConsoleGuest other;
  check_state_moves(guest.device, other.device);
  other.ram.store<std::uint16_t>(Driver::available(0) + 2, 0);
  Driver driver(other, other.device);
  driver.send(0, 0, {{0x5000, 16, kWriteFlag}});
  CHECK(other.peek(0x5000, 5) == "typed");

  SECTION("more than fits is refused") {
    auto bytes = saved(guest.device);
    bytes[bytes.size() - 5 - 7] = std::byte{1};  // the length's second byte and more
    StateReader in(bytes);
    CHECK_THROWS_AS(other.device.load(in), HostError);
  }
}

TEST_CASE("a virtio network card sends frames without their header") {
  NetGuest guest;
  CHECK(guest.device.read(0x100, 4) == 0x01005452);
  CHECK(guest.device.read(0x104, 2) == 0x0302);
  guest.driver.start(2);
  guest.poke(0x5000, std::string(12, '\0') + "a frame");
  guest.driver.send(1, 0, {{0x5000, 12, 0}, {0x500c, 7, 0}});
  guest.driver.send(1, 0, {{0x5000, 19, 0}});
  CHECK(guest.host.frames == std::vector<std::string>{"a frame", "a frame"});
  SECTION("one that is too long, or has no content, is none") {
    guest.driver.send(1, 0, {{0x5000, 12 + 1515, 0}});
    guest.driver.send(1, 0, {{0x5000, 12, 0}});
    guest.driver.send(1, 0, {{0x5000, 3, 0}});
    CHECK(guest.driver.used_index(1) == 5);
    CHECK(guest.host.frames.size() == 2);
    guest.driver.send(1, 0, {{0x5000, 12 + 1514, 0}});
    CHECK(guest.host.frames.back().size() == 1514);
  }
}

TEST_CASE("a virtio network card receives a frame into the next buffer") {
  NetGuest guest;
  CHECK(guest.device.receive(bytes_of("nobody is there")));
  guest.driver.start(2);
  guest.driver.send(0, 0, {{0x5000, 12, kWriteFlag}, {0x6000, 1514, kWriteFlag}});
  CHECK(guest.device.receive(bytes_of("welcome")));
  CHECK(guest.driver.used_row(0, 0) == Driver::Used{0, 19});
  CHECK(guest.peek(0x5000, 12) == std::string(10, '\0') + std::string("\1\0", 2));
  CHECK(guest.peek(0x6000, 7) == "welcome");
  CHECK(guest.irq.count == 1);

  SECTION("without one, the host is told when there may be one") {
    CHECK_FALSE(guest.device.receive(bytes_of("later")));
    CHECK(guest.rooms == 0);
    NetGuest other;
    check_state_moves(guest.device, other.device);
    guest.driver.send(0, 0, {{0x5000, 2048, kWriteFlag}});
    CHECK(guest.rooms == 1);
    CHECK(guest.device.receive(bytes_of("later")));
    CHECK(guest.peek(0x500c, 5) == "later");
  }
  SECTION("in one that is too small, it is lost") {
    guest.driver.send(0, 0, {{0x5000, 15, kWriteFlag}});
    CHECK(guest.device.receive(bytes_of("late")));
    CHECK(guest.driver.used_row(0, 1) == Driver::Used{0, 0});
  }
}

}  // namespace vmm::virtio
