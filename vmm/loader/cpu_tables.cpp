#include "vmm/loader/cpu_tables.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <span>
#include <string_view>

#include "vmm/base/errors.hpp"

namespace vmm {
namespace {

using Bytes = std::vector<std::byte>;

constexpr std::uint32_t kLocalApicAddress = 0xfee00000;
constexpr std::uint32_t kIoApicAddress = 0xfec00000;
constexpr std::uint8_t kLocalApicVersion = 0x14;  // as KVM's version registers say
constexpr std::uint8_t kIoApicVersion = 0x11;
constexpr std::uint8_t kIsaLines = 16;
constexpr std::uint8_t kCascadeLine = 2;  // between the PICs: no device's
constexpr std::uint8_t kEveryApic = 0xff;

template <std::size_t N>
constexpr std::array<char, N - 1> characters(const char (&text)[N]) {
  std::array<char, N - 1> out{};
  std::copy_n(text, N - 1, out.begin());
  return out;
}

template <typename T>
void append(Bytes& out, const T& value) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

/// Sets the byte at `at` so that the sum of `bytes` is zero.
void set_checksum(std::span<std::byte> bytes, std::size_t at) {
  bytes[at] = std::byte{0};
  const unsigned sum = std::accumulate(bytes.begin(), bytes.end(), 0U,
                                       [](unsigned so_far, std::byte byte) { return so_far + unsigned(byte); });
  bytes[at] = static_cast<std::byte>(-sum & 0xff);
}

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

// ACPI 5.2.5.3.
struct [[gnu::packed]] Rsdp {
  std::array<char, 8> signature = characters("RSD PTR ");
  std::uint8_t checksum = 0;
  std::array<char, 6> oem = characters("GDBVM ");
  std::uint8_t revision = 2;
  std::uint32_t rsdt = 0;
  std::uint32_t length = 36;
  std::uint64_t xsdt = 0;
  std::uint8_t extended_checksum = 0;
  std::array<std::uint8_t, 3> reserved{};
};
static_assert(sizeof(Rsdp) == 36);
constexpr std::size_t kRsdpFirstPart = 20;
constexpr std::size_t kRsdpChecksum = 8, kRsdpExtendedChecksum = 32;

// 5.2.6.
struct [[gnu::packed]] AcpiHeader {
  std::array<char, 4> signature;
  std::uint32_t length = 0;
  std::uint8_t revision = 0;
  std::uint8_t checksum = 0;
  std::array<char, 6> oem = characters("GDBVM ");
  std::array<char, 8> oem_table = characters("GDBVM   ");
  std::uint32_t oem_revision = 1;
  std::array<char, 4> creator = characters("GDBV");
  std::uint32_t creator_revision = 1;
};
static_assert(sizeof(AcpiHeader) == 36);
constexpr std::size_t kAcpiChecksum = 9;

Bytes acpi_table(const std::array<char, 4>& signature, std::uint8_t revision, const Bytes& body) {
  Bytes table;
  append(table, AcpiHeader{.signature = signature,
                           .length = static_cast<std::uint32_t>(sizeof(AcpiHeader) + body.size()),
                           .revision = revision});
  table.insert(table.end(), body.begin(), body.end());
  set_checksum(table, kAcpiChecksum);
  return table;
}

// 5.2.3.2.
struct [[gnu::packed]] GenericAddress {
  std::uint8_t space = 0;
  std::uint8_t bits = 0;
  std::uint8_t offset = 0;
  std::uint8_t access = 0;
  std::uint64_t address = 0;
};

// 5.2.9, behind the header. Hardware-reduced: there is no fixed hardware but the reset register, and no FACS.
struct [[gnu::packed]] FadtBody {
  std::uint32_t firmware_control = 0;
  std::uint32_t dsdt = 0;
  std::array<std::uint8_t, 65> fixed_hardware{};
  std::uint16_t boot_flags = 0x3;  // devices on the ISA bus; an 8042
  std::uint8_t reserved = 0;
  std::uint32_t flags =
      1U << 0 | 1U << 2 | 1U << 4 | 1U << 5 | 1U << 10 | 1U << 20;  // WBINVD, C1, no buttons, RESET_REG, HW_REDUCED
  GenericAddress reset_register = {.space = 1, .bits = 8, .access = 1, .address = 0xcf9};
  std::uint8_t reset_value = 6;
  std::uint16_t arm_flags = 0;
  std::uint8_t minor_revision = 5;
  std::uint64_t wide_firmware_control = 0;
  std::uint64_t wide_dsdt = 0;
  std::array<std::uint8_t, 120> wide_fixed_hardware{};
  std::uint64_t hypervisor = 0;
};
static_assert(sizeof(AcpiHeader) + sizeof(FadtBody) == 276);

// 5.2.12.
struct [[gnu::packed]] MadtStart {
  std::uint32_t local_apic = kLocalApicAddress;
  std::uint32_t flags = 1;  // PCAT_COMPAT: PICs as well
};
struct [[gnu::packed]] MadtProcessor {
  std::uint8_t type = 0;
  std::uint8_t length = 8;
  std::uint8_t uid = 0;
  std::uint8_t apic_id = 0;
  std::uint32_t flags = 1;  // enabled
};
struct [[gnu::packed]] MadtIoApic {
  std::uint8_t type = 1;
  std::uint8_t length = 12;
  std::uint8_t id = kIoApicId;
  std::uint8_t reserved = 0;
  std::uint32_t address = kIoApicAddress;
  std::uint32_t first_interrupt = 0;
};
struct [[gnu::packed]] MadtOverride {
  std::uint8_t type = 2;
  std::uint8_t length = 10;
  std::uint8_t bus = 0;
  std::uint8_t line = 0;
  std::uint32_t interrupt = 0;
  std::uint16_t flags = 0;
};
struct [[gnu::packed]] MadtNmi {
  std::uint8_t type = 4;
  std::uint8_t length = 6;
  std::uint8_t uid = kEveryApic;
  std::uint16_t flags = 0;
  std::uint8_t pin = 1;
};
static_assert(sizeof(MadtProcessor) == 8 && sizeof(MadtIoApic) == 12 && sizeof(MadtOverride) == 10 &&
              sizeof(MadtNmi) == 6);

Bytes madt_body(unsigned cpus) {
  Bytes body;
  append(body, MadtStart{});
  for (unsigned i = 0; i < cpus; ++i) {
    const auto id = static_cast<std::uint8_t>(i);
    append(body, MadtProcessor{.uid = id, .apic_id = id});
  }
  append(body, MadtIoApic{});
  append(body, MadtOverride{.line = 0, .interrupt = kTimerPin});
  append(body, MadtNmi{});
  return body;
}

template <typename Address>
Bytes pointers(std::span<const std::uint64_t> addresses) {
  Bytes out;
  for (const std::uint64_t address : addresses) append(out, static_cast<Address>(address));
  return out;
}

/// Tables one behind the other, each on 16 bytes, after the room for the two entry structures.
class Block {
 public:
  std::uint64_t put(const Bytes& table) {
    bytes_.resize((bytes_.size() + 15) / 16 * 16);
    const std::uint64_t address = kCpuTables + bytes_.size();
    bytes_.insert(bytes_.end(), table.begin(), table.end());
    return address;
  }
  template <typename T>
  std::span<std::byte> put_entry_structure(std::uint64_t address, const T& value) {
    const auto room = std::span(bytes_).subspan(address - kCpuTables, sizeof value);
    std::ranges::copy(std::as_bytes(std::span(&value, 1)), room.begin());
    return room;
  }
  Bytes take() && { return std::move(bytes_); }

 private:
  Bytes bytes_ = Bytes(kRsdp - kCpuTables + sizeof(Rsdp));
};

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

std::vector<std::byte> cpu_tables(unsigned cpus) {
  VMM_CHECK(cpus > 0);
  cpus = std::min(cpus, kMostCpusInTables);
  Block block;
  const std::uint64_t configuration = block.put(mp_configuration(cpus));
  const std::uint64_t dsdt = block.put(acpi_table(characters("DSDT"), 2, {}));
  Bytes fadt;
  append(fadt, FadtBody{.dsdt = static_cast<std::uint32_t>(dsdt), .wide_dsdt = dsdt});
  const std::array<std::uint64_t, 2> listed = {block.put(acpi_table(characters("FACP"), 6, fadt)),
                                               block.put(acpi_table(characters("APIC"), 4, madt_body(cpus)))};
  const std::uint64_t rsdt = block.put(acpi_table(characters("RSDT"), 1, pointers<std::uint32_t>(listed)));
  const std::uint64_t xsdt = block.put(acpi_table(characters("XSDT"), 1, pointers<std::uint64_t>(listed)));

  const MpPointer mp{.configuration = static_cast<std::uint32_t>(configuration)};
  set_checksum(block.put_entry_structure(kMpPointer, mp), offsetof(MpPointer, checksum));
  const auto rsdp = block.put_entry_structure(kRsdp, Rsdp{.rsdt = static_cast<std::uint32_t>(rsdt), .xsdt = xsdt});
  set_checksum(rsdp.first(kRsdpFirstPart), kRsdpChecksum);
  set_checksum(rsdp, kRsdpExtendedChecksum);
  return std::move(block).take();
}

void place_cpu_tables(const BootImage& image, unsigned cpus, GuestMemory& memory) {
  const auto put = [&](std::uint64_t address, std::span<const std::byte> bytes) {
    put_unless_claimed(image, memory, address, bytes);
  };
  put(kCpuTables, cpu_tables(cpus));
  const std::array<std::uint16_t, 1> base_memory = {layout::kEbda / layout::kKiB};
  const std::array<std::uint16_t, 1> ebda_segment = {layout::kEbda / 16};
  const std::array<std::uint8_t, 1> ebda_size = {(layout::kLowRamEnd - layout::kEbda) / layout::kKiB};
  put(kBaseMemoryWord, std::as_bytes(std::span(base_memory)));
  put(kEbdaSegmentWord, std::as_bytes(std::span(ebda_segment)));
  put(layout::kEbda, std::as_bytes(std::span(ebda_size)));
}

}  // namespace vmm
