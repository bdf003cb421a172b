#include "vmm/loader/cpu_tables.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "vmm/base/errors.hpp"
#include "vmm/base/table_bytes.hpp"

namespace vmm {
namespace {

using table::append;
using table::Bytes;
using table::characters;
using table::set_checksum;

constexpr std::uint8_t kLocalApicVersion = 0x14;  // as KVM's version registers say
constexpr std::uint8_t kIoApicVersion = 0x11;
constexpr std::uint8_t kIsaLines = 16;
constexpr std::uint8_t kCascadeLine = 2;  // between the PICs: no device's
constexpr std::uint8_t kEveryApic = 0xff;

// MultiProcessor Specification, 4.1.
struct [[gnu::packed]] MpPointer {
  std::array<char, 4> signature = characters("_MP_");
  std::uint32_t configuration = 0;
  std::uint8_t length = 1;  // in 16 bytes
  std::uint8_t revision = 4;
  std::uint8_t checksum = 0;
  std::array<std::uint8_t, 5> features{};  // a configuration table; virtual wire mode
};
static_assert(sizeof(MpPointer) == 16);

// 4.2.
struct [[gnu::packed]] MpHeader {
  std::array<char, 4> signature = characters("PCMP");
  std::uint16_t length = 0;
  std::uint8_t revision = 4;
  std::uint8_t checksum = 0;
  std::array<char, 8> oem = characters("GDBVM   ");
  std::array<char, 12> product = characters("VM          ");
  std::uint32_t oem_table = 0;
  std::uint16_t oem_table_size = 0;
  std::uint16_t entries = 0;
  std::uint32_t local_apic = kLocalApicAddress;
  std::uint16_t extended_length = 0;
  std::uint8_t extended_checksum = 0;
  std::uint8_t reserved = 0;
};
static_assert(sizeof(MpHeader) == 44);
constexpr std::size_t kMpChecksum = 7;

// 4.3.1. Signature and features: what guests don't ask CPUID for is only printed. The least is an APIC and an FPU.
struct [[gnu::packed]] MpProcessor {
  std::uint8_t type = 0;
  std::uint8_t apic_id = 0;
  std::uint8_t apic_version = kLocalApicVersion;
  std::uint8_t flags = 0;  // 1 enabled, 2 bootstrap processor
  std::uint32_t signature = 0x600;
  std::uint32_t features = 0x201;
  std::uint64_t reserved = 0;
};
static_assert(sizeof(MpProcessor) == 20);

// 4.3.2.
struct [[gnu::packed]] MpBus {
  std::uint8_t type = 1;
  std::uint8_t id = 0;
  std::array<char, 6> name = characters("ISA   ");
};

// 4.3.3.
struct [[gnu::packed]] MpIoApic {
  std::uint8_t type = 2;
  std::uint8_t id = kIoApicId;
  std::uint8_t version = kIoApicVersion;
  std::uint8_t enabled = 1;
  std::uint32_t address = kIoApicAddress;
};

// 4.3.4 and 4.3.5. Flags 0: polarity and trigger are the bus's.
struct [[gnu::packed]] MpInterrupt {
  enum Type : std::uint8_t { kIo = 3, kLocal = 4 } type;
  enum Kind : std::uint8_t { kVectored = 0, kNmi = 1, kExternal = 3 } kind;
  std::uint16_t flags = 0;
  std::uint8_t bus = 0;
  std::uint8_t line = 0;
  std::uint8_t apic = 0;
  std::uint8_t pin = 0;
};
static_assert(sizeof(MpInterrupt) == 8);

std::uint8_t pin_of(std::uint8_t line) { return line == 0 ? kTimerPin : line; }

Bytes mp_configuration(unsigned cpus) {
  MpHeader header;
  Bytes entries;
  const auto add = [&](const auto& entry) {
    append(entries, entry);
    header.entries = static_cast<std::uint16_t>(header.entries + 1);
  };
  for (unsigned i = 0; i < cpus; ++i) {
    add(MpProcessor{.apic_id = static_cast<std::uint8_t>(i), .flags = static_cast<std::uint8_t>(i == 0 ? 3 : 1)});
  }
  add(MpBus{});
  add(MpIoApic{});
  for (std::uint8_t line = 0; line < kIsaLines; ++line) {
    if (line == kCascadeLine) continue;
    add(MpInterrupt{.type = MpInterrupt::kIo,
                    .kind = MpInterrupt::kVectored,
                    .line = line,
                    .apic = kIoApicId,
                    .pin = pin_of(line)});
  }
  add(MpInterrupt{.type = MpInterrupt::kLocal, .kind = MpInterrupt::kExternal, .apic = 0, .pin = 0});
  add(MpInterrupt{.type = MpInterrupt::kLocal, .kind = MpInterrupt::kNmi, .apic = kEveryApic, .pin = 1});

  header.length = static_cast<std::uint16_t>(sizeof header + entries.size());
  Bytes table;
  append(table, header);
  table.insert(table.end(), entries.begin(), entries.end());
  set_checksum(table, kMpChecksum);
  return table;
}

// The BIOS data area, and the EBDA's first byte.
constexpr std::uint64_t kEbdaSegmentWord = 0x40e;
constexpr std::uint64_t kBaseMemoryWord = 0x413;  // in KiB

void put_unless_claimed(const BootImage& image, GuestMemory& memory, std::uint64_t address,
                        std::span<const std::byte> bytes) {
  const bool claimed = std::ranges::any_of(image.segments, [&](const ImageSegment& segment) {
    return segment.physical < address + bytes.size() && address < segment.physical + segment.memory_size;
  });
  if (!claimed) memory.write(address, bytes);
}

}  // namespace

std::vector<std::byte> cpu_tables(unsigned cpus, std::span<const layout::VirtioSlot> virtio) {
  VMM_CHECK(cpus > 0);
  cpus = std::min(cpus, kMostCpusInTables);
  Bytes block(kRsdp - kCpuTables);
  const auto put = [&](std::size_t align, const Bytes& bytes) {
    block.resize((block.size() + align - 1) / align * align);
    const std::uint64_t address = kCpuTables + block.size();
    block.insert(block.end(), bytes.begin(), bytes.end());
    return address;
  };
  const AcpiTables acpi = acpi_tables(cpus, virtio);
  // The RSDP comes first and tells of tables behind it: their place is known before their bytes are put there.
  const std::uint64_t tables = (kRsdp + acpi.rsdp.bytes.size() + AcpiTables::kAlign - 1) & ~(AcpiTables::kAlign - 1);
  put(16, link(acpi.rsdp, tables));
  VMM_CHECK(put(AcpiTables::kAlign, link(acpi.tables, tables)) == tables);

  const MpPointer mp{.configuration = static_cast<std::uint32_t>(put(16, mp_configuration(cpus)))};
  const auto entry = std::span(block).first(sizeof mp);
  std::ranges::copy(std::as_bytes(std::span(&mp, 1)), entry.begin());
  set_checksum(entry, offsetof(MpPointer, checksum));
  return block;
}

void place_cpu_tables(const BootImage& image, unsigned cpus, std::span<const layout::VirtioSlot> virtio,
                      GuestMemory& memory) {
  const auto put = [&](std::uint64_t address, std::span<const std::byte> bytes) {
    put_unless_claimed(image, memory, address, bytes);
  };
  put(kCpuTables, cpu_tables(cpus, virtio));
  const std::array<std::uint16_t, 1> base_memory = {layout::kEbda / layout::kKiB};
  const std::array<std::uint16_t, 1> ebda_segment = {layout::kEbda / 16};
  const std::array<std::uint8_t, 1> ebda_size = {(layout::kLowRamEnd - layout::kEbda) / layout::kKiB};
  put(kBaseMemoryWord, std::as_bytes(std::span(base_memory)));
  put(kEbdaSegmentWord, std::as_bytes(std::span(ebda_segment)));
  put(layout::kEbda, std::as_bytes(std::span(ebda_size)));
}

}  // namespace vmm
