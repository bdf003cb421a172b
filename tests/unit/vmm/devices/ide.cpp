#include "vmm/devices/ide.hpp"

#include <string>

#include "device_test.hpp"
#include "fake_disk.hpp"

using namespace vmm;

namespace {

constexpr int kDone = 0x50;
constexpr int kDataReady = 0x58;
constexpr int kFailed = 0x51;

struct Channel {
  FakeIrq irq;
  FakeDisk first{300};
  FakeDisk second{20};
  Ide ide;

  explicit Channel(bool with_second = true) : ide(irq.line(), first, with_second ? &second : nullptr) {}
  void out(unsigned offset, unsigned value) { ide.write(offset, 1, value); }
  int in(unsigned offset) { return static_cast<int>(ide.read(offset, 1)); }
  int status() { return in(7); }
  int alternate_status() { return static_cast<int>(ide.control_block().read(0, 1)); }
  void control(unsigned value) { ide.control_block().write(0, 1, value); }
  void address(unsigned drive, unsigned sector, unsigned count) {
    out(2, count);
    out(3, sector & 0xff);
    out(4, sector >> 8 & 0xff);
    out(5, sector >> 16 & 0xff);
    out(6, 0xe0 | drive << 4 | sector >> 24);
  }
  void command(unsigned drive, unsigned sector, unsigned count, unsigned code) {
    address(drive, sector, count);
    out(7, code);
  }
  /// Sectors as the driver reads them, `width` bytes at once: the first byte of each.
  std::vector<int> take(unsigned sectors, unsigned width = 4) {
    std::vector<int> numbers;
    for (unsigned i = 0; i < sectors * 512; i += width) {
      const auto value = ide.read(0, width);
      if (i % 512 == 0) numbers.push_back(static_cast<int>(value & 0xff));
    }
    return numbers;
  }
  void give(unsigned sectors, unsigned fill, unsigned width = 4) {
    for (unsigned i = 0; i < sectors * 512; i += width) ide.write(0, width, fill * 0x01010101u);
  }
  unsigned word(unsigned index, const std::vector<std::uint16_t>& words) { return words.at(index); }
  std::vector<std::uint16_t> identify() {
    out(7, 0xec);
    std::vector<std::uint16_t> words;
    for (int i = 0; i < 256; ++i) words.push_back(static_cast<std::uint16_t>(ide.read(0, 2)));
    return words;
  }
};

}  // namespace

TEST_CASE("ide: a boot block reads a sector by polling", "[ide]") {
  Channel pc;
  CHECK((pc.status() & 0xc0) == 0x40);
  pc.command(0, 7, 1, 0x20);
  CHECK(pc.status() == kDataReady);
  CHECK(pc.take(1) == std::vector{7});
  CHECK(pc.status() == kDone);
  CHECK(pc.ide.read(0, 4) == 0);  // nothing more
}

TEST_CASE("ide: every block of a command has its interrupt edge, also unacknowledged", "[ide]") {
  Channel pc;
  pc.command(0, 10, 3, 0x20);
  CHECK(pc.irq.count == 1);  // the first block
  CHECK(pc.take(3, 2) == std::vector{10, 11, 12});
  CHECK(pc.irq.count == 3);
  pc.command(0, 20, 2, 0x30);
  CHECK(pc.irq.count == 3);  // the first block of a write is asked for by DRQ only
  CHECK(pc.alternate_status() == kDataReady);
  pc.give(2, 0xaa);
  CHECK(pc.irq.count == 5);
  CHECK(pc.irq.level);
  CHECK(pc.alternate_status() == kDone);
  CHECK(pc.irq.level);
  CHECK(pc.status() == kDone);
  CHECK_FALSE(pc.irq.level);
  CHECK(pc.first.bytes[20 * 512] == std::byte{0xaa});
  CHECK(pc.first.bytes[22 * 512 - 1] == std::byte{0xaa});
  CHECK(pc.first.bytes[22 * 512] == std::byte{22});
}

TEST_CASE("ide: READ and WRITE MULTIPLE move blocks", "[ide]") {
  Channel pc;
  pc.command(0, 0, 4, 0xc6);
  CHECK(pc.status() == kDone);
  CHECK((pc.identify()[59]) == 0x104);
  const int before = pc.irq.count;
  pc.command(0, 100, 10, 0xc4);
  CHECK(pc.take(10).size() == 10);
  CHECK(pc.irq.count == before + 3);
  pc.command(0, 100, 6, 0xc5);
  pc.give(6, 0x55);
  CHECK(pc.irq.count == before + 5);
  CHECK(pc.first.bytes[106 * 512 - 1] == std::byte{0x55});
  pc.command(0, 0, 3, 0xc6);  // not a power of two
  CHECK(pc.status() == kFailed);
  pc.command(0, 0, 0, 0xc6);  // off
  pc.command(0, 0, 1, 0xc4);
  CHECK(pc.in(1) == 0x04);
  // xv6 never sets it.
  Channel fresh;
  fresh.command(0, 8, 2, 0xc4);
  CHECK(fresh.take(2) == std::vector{8, 9});
  CHECK(fresh.irq.count == 1);
}

TEST_CASE("ide: the second drive is seen by its status, and is another disk", "[ide]") {
  Channel pc;
  pc.out(6, 0xf0);
  CHECK(pc.status() != 0);
  pc.command(1, 3, 1, 0x30);
  pc.give(1, 0x77);
  CHECK(pc.second.bytes[3 * 512] == std::byte{0x77});
  CHECK(pc.first.bytes[3 * 512] == std::byte{3});
  CHECK(pc.identify()[60] == 20);
}

TEST_CASE("ide: an absent second drive has status 0 and does nothing", "[ide]") {
  Channel pc(false);
  pc.out(6, 0xf0);
  CHECK(pc.status() == 0);
  CHECK(pc.alternate_status() == 0);
  pc.out(7, 0xec);
  CHECK(pc.status() == 0);
  CHECK(pc.in(1) == 0);
  CHECK(pc.irq.count == 0);
  CHECK(pc.ide.read(0, 2) == 0);
  pc.out(6, 0xe0);
  CHECK(pc.status() == kDone);
}

TEST_CASE("ide: IDENTIFY says what is there: LBA, no DMA, its size, a geometry", "[ide]") {
  Channel pc;
  const auto words = pc.identify();
  CHECK(words[0] == 0x0040);
  CHECK((words[49] & 0x0300) == 0x0200);
  CHECK((words[60] | words[61] << 16) == 300);
  CHECK(words[47] == 0x8010);
  CHECK(words[88] == 0);
  CHECK(words[3] == 16);
  CHECK(words[6] == 63);
  std::string model;
  for (unsigned i = 27; i < 47; ++i) {
    model += static_cast<char>(words[i] >> 8);
    model += static_cast<char>(words[i]);
  }
  CHECK(model.starts_with("GDBVM HARDDISK "));
  CHECK(pc.status() == kDone);
}

TEST_CASE("ide: what leads beyond the end is refused whole", "[ide]") {
  Channel pc;
  const auto before = pc.first.bytes;
  for (const unsigned code : {0x20, 0x30, 0xc4, 0xc5, 0x40}) {
    pc.command(0, 299, 2, code);
    CHECK(pc.status() == kFailed);
    CHECK(pc.in(1) == 0x10);
    pc.give(2, 0xee);
  }
  pc.command(0, 0x0fff'ffff, 1, 0x20);
  CHECK(pc.in(1) == 0x10);
  pc.command(0, 44, 0, 0x20);  // 256 sectors, just inside
  CHECK(pc.take(256).back() == (299 & 0xff));
  pc.command(0, 45, 0, 0x20);
  CHECK(pc.status() == kFailed);
  CHECK(pc.first.bytes == before);
}

TEST_CASE("ide: CHS goes by the geometry that was set", "[ide]") {
  Channel pc;
  const auto read_chs = [&](unsigned cylinder, unsigned head, unsigned sector) {
    pc.out(2, 1);
    pc.out(3, sector);
    pc.out(4, cylinder & 0xff);
    pc.out(5, cylinder >> 8);
    pc.out(6, 0xa0 | head);
    pc.out(7, 0x20);
    return pc.status() == kDataReady ? pc.take(1).at(0) : -1;
  };
  CHECK(read_chs(0, 1, 2) == 64);
  pc.out(2, 10);
  pc.out(6, 0xa3);
  pc.out(7, 0x91);  // 4 heads, 10 sectors
  CHECK(read_chs(2, 1, 5) == (2 * 4 + 1) * 10 + 4);
  CHECK(read_chs(0, 0, 0) == -1);
  CHECK(read_chs(0, 0, 11) == -1);
  CHECK(read_chs(0, 4, 1) == -1);
  CHECK(read_chs(0xffff, 3, 10) == -1);
  CHECK(pc.identify()[55] == 4);
}

TEST_CASE("ide: a read-only disk, and the host's errors, are errors the guest sees", "[ide]") {
  Channel pc;
  pc.first.is_read_only = true;
  pc.command(0, 0, 1, 0x30);
  CHECK(pc.irq.count == 1);
  CHECK(pc.status() == kFailed);
  CHECK(pc.in(1) == 0x44);
  pc.first.is_read_only = false;
  pc.command(0, 0, 1, 0x30);
  pc.first.broken = true;
  pc.give(1, 1);
  CHECK(pc.status() == 0x71);
  pc.command(0, 0, 1, 0x20);
  CHECK(pc.status() == kFailed);
  CHECK(pc.in(1) == 0x40);
  pc.out(7, 0xe7);
  CHECK(pc.status() == 0x71);
}

TEST_CASE("ide: a software reset shows BSY, then the signature of two ATA disks", "[ide]") {
  Channel pc;
  pc.command(0, 0, 5, 0x20);
  pc.control(0x04);
  CHECK(pc.status() == 0x80);
  pc.out(2, 0x55);
  pc.control(0x00);
  CHECK(pc.status() == kDone);
  CHECK_FALSE(pc.irq.level);
  for (const unsigned drive : {0xa0u, 0xb0u}) {
    pc.out(6, drive);
    CHECK(std::vector{pc.in(1), pc.in(2), pc.in(3), pc.in(4), pc.in(5)} == std::vector{1, 1, 1, 0, 0});
  }
  pc.out(7, 0xa1);  // IDENTIFY PACKET
  CHECK(pc.status() == kFailed);
  CHECK(std::vector{pc.in(1), pc.in(2), pc.in(3), pc.in(4), pc.in(5)} == std::vector{4, 1, 1, 0, 0});
  pc.out(7, 0x90);
  CHECK(pc.in(1) == 1);
  CHECK(pc.in(6) == 0xa0);
}

TEST_CASE("ide: nIEN holds interrupts back, and lets go of one that waits", "[ide]") {
  Channel pc;
  pc.control(0x02);
  pc.command(0, 0, 1, 0x20);
  CHECK(pc.irq.count == 0);
  pc.control(0x00);
  CHECK(pc.irq.count == 1);
  pc.control(0x02);
  CHECK_FALSE(pc.irq.level);
  pc.take(1);
  pc.out(7, 0x10);
  CHECK(pc.status() == kDone);
  pc.control(0x00);
  CHECK(pc.irq.count == 1);  // read by polling: nothing waits
}

TEST_CASE("ide: the small commands", "[ide]") {
  Channel pc;
  const auto result = [&](unsigned code) {
    pc.command(0, 5, 1, code);
    return pc.status() == kDone ? 0 : pc.in(1);
  };
  for (const unsigned code : {0x10, 0x1f, 0x40, 0x70, 0xe0, 0xe5, 0xe7}) CHECK(result(code) == 0);
  CHECK(pc.first.flushes == 1);
  for (const unsigned code : {0x00, 0x08, 0x24, 0xa0, 0xc8, 0xca, 0xff}) CHECK(result(code) == 4);
  CHECK(result(0xf8) == 0);
  CHECK((pc.in(3) | pc.in(4) << 8) == 299);
  pc.out(1, 0x03);
  pc.out(2, 0x0c);
  pc.out(7, 0xef);
  CHECK(pc.status() == kDone);
  pc.out(2, 0x42);  // UDMA
  pc.out(7, 0xef);
  CHECK(pc.status() == kFailed);
}

TEST_CASE("ide: registers read back, and a word at an odd place is two bytes", "[ide]") {
  Channel pc;
  pc.out(6, 0xb0);
  CHECK(pc.in(6) == 0xb0);
  pc.ide.write(2, 2, 0xaa55);
  CHECK(pc.in(2) == 0x55);
  CHECK(pc.in(3) == 0xaa);
  CHECK(pc.ide.read(2, 2) == 0xaa55);
}

TEST_CASE("ide: its state moves in the middle of a transfer", "[ide]") {
  Channel pc;
  pc.command(0, 10, 6, 0xc5);
  pc.give(3, 0x99);
  Channel other;
  check_state_moves(pc.ide, other.ide);
  other.give(3, 0x99);
  CHECK(other.status() == kDone);
  CHECK(other.first.bytes[10 * 512] == std::byte{0x99});
  CHECK(other.first.bytes[16 * 512 - 1] == std::byte{0x99});

  auto bytes = saved(pc.ide);
  for (auto& byte : bytes) byte |= std::byte{0xf0};
  StateReader in(bytes);
  CHECK_THROWS(other.ide.load(in));
}
