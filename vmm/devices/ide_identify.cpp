#include "vmm/devices/ide_identify.hpp"

#include <algorithm>

namespace vmm {
namespace {

struct Words {
  std::array<std::byte, 512> bytes{};

  void put(std::size_t index, std::uint64_t value, unsigned count = 1) {
    for (unsigned i = 0; i < 2 * count; ++i) bytes[2 * index + i] = static_cast<std::byte>(value >> (8 * i));
  }
  /// Text has its bytes swapped in each word.
  void put_text(std::size_t index, unsigned count, std::string_view text) {
    for (std::size_t i = 0; i < std::size_t{2} * count; ++i) {
      bytes[(2 * index + i) ^ 1] = static_cast<std::byte>(i < text.size() ? text[i] : ' ');
    }
  }
};

}  // namespace

std::uint16_t ide_cylinders(std::uint64_t sectors, unsigned heads, unsigned track_sectors) {
  return static_cast<std::uint16_t>(
      std::clamp<std::uint64_t>(sectors / (std::uint64_t{heads} * track_sectors), 2, 16383));
}

std::array<std::byte, 512> ide_identify(const IdeIdentity& identity) {
  Words words;
  const unsigned cylinders = ide_cylinders(identity.sectors, identity.heads, identity.track_sectors);
  const unsigned chs_sectors = cylinders * identity.heads * identity.track_sectors;
  words.put(0, 0x0040);  // an ATA device, not removable
  words.put(1, ide_cylinders(identity.sectors, kIdeHeads, kIdeTrackSectors));
  words.put(3, kIdeHeads);
  words.put(6, kIdeTrackSectors);
  words.put_text(10, 10, identity.serial);
  words.put_text(23, 4, "1.0");
  words.put_text(27, 20, "GDBVM HARDDISK");
  words.put(47, 0x8000u | identity.most_multiple);
  words.put(49, 0x0a00);  // LBA and IORDY, no DMA
  words.put(50, 0x4000);
  words.put(51, 0x0200);  // PIO mode 2 at least
  words.put(53, 0x0003);  // words 54 to 58 and 64 to 70 are valid
  words.put(54, cylinders);
  words.put(55, identity.heads);
  words.put(56, identity.track_sectors);
  words.put(57, chs_sectors, 2);
  words.put(59, identity.multiple != 0 ? 0x0100u | identity.multiple : 0);
  words.put(60, identity.sectors, 2);
  words.put(64, 0x0003);  // PIO modes 3 and 4
  words.put(67, 120);     // ns a cycle without flow control,
  words.put(68, 120);     // and with IORDY
  words.put(80, 0x003e);  // ATA-1 to ATA-5
  constexpr std::uint64_t kPowerManagement = 0x0008;
  constexpr std::uint64_t kNop = 0x4000;
  constexpr std::uint64_t kFlushCache = 0x1000;
  constexpr std::uint64_t kValid = 0x4000;
  for (const std::size_t index : {82u, 85u}) {  // supported, enabled
    words.put(index, kNop | kPowerManagement);
    words.put(index + 1, kValid | kFlushCache);
    words.put(index + 2, kValid);
  }
  return words.bytes;
}

}  // namespace vmm
