#include "vmm/devices/cmos.hpp"

#include <algorithm>
#include <chrono>

namespace vmm {
namespace {

enum Register : std::uint8_t {
  kSeconds = 0x00,
  kMinutes = 0x02,
  kHours = 0x04,
  kWeekday = 0x06,
  kDay = 0x07,
  kMonth = 0x08,
  kYear = 0x09,
  kStatusA = 0x0a,
  kStatusB = 0x0b,
  kStatusC = 0x0c,
  kStatusD = 0x0d,
  kDiskTypes = 0x12,  // two nibbles
  kEquipment = 0x14,
  kBaseMemory = 0x15,      // 2 bytes, KiB
  kExtendedMemory = 0x17,  // 2 bytes, KiB from 1 MiB on; again at 0x30
  kMoreDiskTypes = 0x19,   // two bytes
  kGeometry = 0x1b,        // 9 bytes for each of two disks
  kExtendedMemory2 = 0x30,
  kCentury = 0x32,
  kMemoryFrom16M = 0x34,    // 2 bytes, in 64 KiB
  kDiskTranslation = 0x39,  // 2 bits a drive, four a byte (SeaBIOS, src/block.c, get_translation)
  kBootOrder = 0x3d,        // 4 bits a choice (SeaBIOS, src/boot.c, boot_init)
  kMemoryFrom4G = 0x5b,     // 3 bytes, in 64 KiB
  kMoreCpus = 0x5f,         // beside the first (SeaBIOS, src/fw/paravirt.c)
};
enum Translation : std::uint8_t { kAsItIs = 0, kLba = 1 };  // kLba: the geometry that LBA BIOSes agree on
constexpr std::uint8_t kHardDisk = 0x02;                    // first and only
enum StatusB : std::uint8_t { k24Hours = 0x02, kBinary = 0x04 };
constexpr std::uint8_t kPm = 0x80;
constexpr std::uint8_t kUpdateInProgress = 0x80;

constexpr std::int64_t kLastSecond = 253402300799;  // of the year 9999

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = 1024 * kKiB;

/// `count` bytes from `index` on, little endian, at most all-ones.
void put_size(std::array<std::uint8_t, 128>& bytes, std::size_t index, unsigned count, std::uint64_t size) {
  size = std::min(size, (std::uint64_t{1} << (8 * count)) - 1);
  for (unsigned i = 0; i < count; ++i) bytes[index + i] = static_cast<std::uint8_t>(size >> (8 * i));
}

std::uint64_t beyond(std::uint64_t end, std::uint64_t start) { return end > start ? end - start : 0; }

}  // namespace

Cmos::Cmos(WallClock clock, MemorySize memory, unsigned cpus) : clock_(std::move(clock)) {
  bytes_[kStatusA] = 0x26;
  bytes_[kStatusB] = k24Hours;
  bytes_[kStatusD] = 0x80;    // the battery is good
  bytes_[kEquipment] = 0x02;  // a floating-point unit, a VGA, no floppy drive
  put_size(bytes_, kBaseMemory, 2, 640);
  put_size(bytes_, kExtendedMemory, 2, beyond(memory.below_4g, kMiB) / kKiB);
  put_size(bytes_, kExtendedMemory2, 2, beyond(memory.below_4g, kMiB) / kKiB);
  put_size(bytes_, kMemoryFrom16M, 2, beyond(memory.below_4g, 16 * kMiB) / (64 * kKiB));
  put_size(bytes_, kMemoryFrom4G, 3, memory.above_4g / (64 * kKiB));
  put_size(bytes_, kMoreCpus, 1, cpus - 1);
  bytes_[kBootOrder] = kHardDisk;
}

void Cmos::describe_disk(unsigned drive, std::uint16_t cylinders, std::uint8_t heads, std::uint8_t track_sectors) {
  constexpr std::uint8_t kUserDefined = 47;
  constexpr std::uint8_t kManyHeads = 0x08;
  const std::size_t geometry = kGeometry + std::size_t{9} * drive;
  bytes_[kDiskTypes] |= drive == 0 ? 0xf0 : 0x0f;
  bytes_[kMoreDiskTypes + drive] = kUserDefined;
  put_size(bytes_, geometry, 2, cylinders);
  // As far as INT 13h can say cylinders, as QEMU has it: by kLba a disk of less than a cylinder would have none at all.
  constexpr unsigned kMostCylinders = 1024;
  bytes_[kDiskTranslation] |= static_cast<std::uint8_t>((cylinders > kMostCylinders ? kLba : kAsItIs) << 2 * drive);
  bytes_[geometry + 2] = heads;
  put_size(bytes_, geometry + 3, 2, 0xffff);  // no write precompensation
  bytes_[geometry + 5] = heads > 8 ? kManyHeads : 0;
  put_size(bytes_, geometry + 6, 2, cylinders);  // where the heads land
  bytes_[geometry + 8] = track_sectors;
}

std::uint8_t Cmos::read_byte(std::uint64_t offset) {
  return offset == 1 ? read_register(index_) : 0xff;  // the index can't be read back
}

void Cmos::write_byte(std::uint64_t offset, std::uint8_t value) {
  if (offset == 0) index_ = value & 0x7f;  // bit 7 masks NMIs; there are none
  if (offset != 1 || index_ == kStatusC || index_ == kStatusD) return;
  bytes_[index_] = index_ == kStatusA ? value & ~kUpdateInProgress : value;
}

std::uint8_t Cmos::read_register(std::uint8_t index) const {
  using namespace std::chrono;
  const sys_seconds now{seconds(std::clamp<std::int64_t>(clock_(), 0, kLastSecond))};
  const auto today = floor<days>(now);
  const year_month_day date(today);
  const hh_mm_ss time(now - today);
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
  switch (index) {
    case kSeconds: return encoded(static_cast<unsigned>(time.seconds().count()));
    case kMinutes: return encoded(static_cast<unsigned>(time.minutes().count()));
    case kHours: return encoded_hour(static_cast<unsigned>(time.hours().count()));
    case kWeekday: return encoded(weekday(today).c_encoding() + 1);
    case kDay: return encoded(static_cast<unsigned>(date.day()));
    case kMonth: return encoded(static_cast<unsigned>(date.month()));
    case kYear: return encoded(year % 100);
    case kCentury: return encoded(year / 100);
    default: return bytes_[index];
  }
}

std::uint8_t Cmos::encoded(unsigned value) const {
  return static_cast<std::uint8_t>(bytes_[kStatusB] & kBinary ? value : value / 10 * 16 + value % 10);
}

std::uint8_t Cmos::encoded_hour(unsigned hour) const {
  if (bytes_[kStatusB] & k24Hours) return encoded(hour);
  return static_cast<std::uint8_t>(encoded(hour % 12 == 0 ? 12 : hour % 12) | (hour >= 12 ? kPm : 0));
}

void Cmos::save(StateWriter& out) const {
  out.tag("cmos");
  out.put(index_);
  out.put(bytes_);
}

void Cmos::load(StateReader& in) {
  in.tag("cmos");
  index_ = in.get<std::uint8_t>() & 0x7f;
  bytes_ = in.get<decltype(bytes_)>();
}

}  // namespace vmm
