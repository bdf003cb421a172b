#include "vmm/loader/acpi.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ranges>
#include <sstream>

#include "vmm/base/errors.hpp"
#include "vmm/loader/aml.hpp"

namespace vmm {
namespace {

using table::append;
using table::Bytes;
using table::characters;
using table::join;

// 5.2.5.3.
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
constexpr std::uint32_t kRsdpFirstPart = 20;

// 5.2.6.
struct [[gnu::packed]] Header {
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
static_assert(sizeof(Header) == 36);

// 5.2.3.2.
struct [[gnu::packed]] IoAddress {
  std::uint8_t space = 1;
  std::uint8_t bits = 0;
  std::uint8_t offset = 0;
  std::uint8_t access = 0;
  std::uint64_t address = 0;
};
constexpr IoAddress kNoAddress{.space = 0};

// 5.2.9, behind the header; the numbers behind "at" are the table's.
struct [[gnu::packed]] FadtBody {
  std::uint32_t facs = 0;  // at 36
  std::uint32_t dsdt = 0;
  std::uint8_t model = 0;
  std::uint8_t profile = 0;
  std::uint16_t sci = kSciLine;   // at 46
  std::uint32_t smi_command = 0;  // in ACPI mode already
  std::uint8_t acpi_enable = 0;   // at 52
  std::array<std::uint8_t, 3> unused_commands{};
  std::uint32_t pm1a_event = kPm1Event;  // at 56
  std::uint32_t pm1b_event = 0;
  std::uint32_t pm1a_control = kPm1Control;
  std::uint32_t pm1b_control = 0;
  std::uint32_t pm2_control = 0;
  std::uint32_t pm_timer = kPmTimer;  // at 76
  std::array<std::uint32_t, 2> gpe{};
  std::uint8_t pm1_event_length = 4;  // at 88
  std::uint8_t pm1_control_length = 2;
  std::uint8_t pm2_control_length = 0;
  std::uint8_t pm_timer_length = 4;
  std::array<std::uint8_t, 4> unused_lengths{};
  std::uint16_t c2_latency = 0xfff;  // at 96; more than 100 and 1000 µs: there are no C2 and C3
  std::uint16_t c3_latency = 0xfff;
  std::array<std::uint8_t, 6> unused_cache{};
  std::array<std::uint8_t, 2> alarm{};
  std::uint8_t century = 0x32;     // at 108, in the CMOS RAM
  std::uint16_t boot_flags = 0x3;  // devices on the ISA bus; an 8042
  std::uint8_t reserved = 0;
  // at 112: WBINVD; C1; no fixed power button; no fixed sleep button; no RTC wake; 32-bit timer; RESET_REG
  std::uint32_t flags = 1U << 0 | 1U << 2 | 1U << 4 | 1U << 5 | 1U << 6 | 1U << 8 | 1U << 10;
  IoAddress reset_register = {.bits = 8, .access = 1, .address = 0xcf9};
  std::uint8_t reset_value = 6;  // at 128
  std::uint16_t arm_flags = 0;
  std::uint8_t minor_revision = 5;
  std::uint64_t wide_facs = 0;  // at 132; 0, as the other one is not: only one may be used
  std::uint64_t wide_dsdt = 0;
  IoAddress wide_pm1a_event = {.bits = 32, .access = 2, .address = kPm1Event};
  IoAddress wide_pm1b_event = kNoAddress;
  IoAddress wide_pm1a_control = {.bits = 16, .access = 2, .address = kPm1Control};
  IoAddress wide_pm1b_control = kNoAddress;
  IoAddress wide_pm2_control = kNoAddress;
  IoAddress wide_pm_timer = {.bits = 32, .access = 3, .address = kPmTimer};
  IoAddress wide_gpe0 = kNoAddress;
  IoAddress wide_gpe1 = kNoAddress;
  IoAddress sleep_control = kNoAddress;
  IoAddress sleep_status = kNoAddress;
  std::uint64_t hypervisor = 0;
};
static_assert(sizeof(Header) + sizeof(FadtBody) == 276);
constexpr std::uint32_t kFadtFacs = 36, kFadtDsdt = 40, kFadtWideDsdt = 140;
static_assert(offsetof(FadtBody, wide_dsdt) + sizeof(Header) == kFadtWideDsdt);

// 5.2.10. The global lock in it is the guest's own: there is no firmware to share it with.
struct [[gnu::packed]] Facs {
  std::array<char, 4> signature = characters("FACS");
  std::uint32_t length = 64;
  std::array<std::uint8_t, 24> unused{};
  std::uint8_t version = 2;
  std::array<std::uint8_t, 31> reserved{};
};
static_assert(sizeof(Facs) == 64);

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
  std::uint8_t uid = 0xff;  // every CPU
  std::uint16_t flags = 0;
  std::uint8_t pin = 1;
};
static_assert(sizeof(MadtProcessor) == 8 && sizeof(MadtIoApic) == 12 && sizeof(MadtOverride) == 10 &&
              sizeof(MadtNmi) == 6);

Bytes madt(unsigned cpus) {
  constexpr std::uint16_t kLevelActiveHigh = 0xd;
  Bytes body;
  append(body, MadtStart{});
  for (unsigned i = 0; i < cpus; ++i) {
    const auto id = static_cast<std::uint8_t>(i);
    append(body, MadtProcessor{.uid = id, .apic_id = id});
  }
  append(body, MadtIoApic{});
  append(body, MadtOverride{.line = 0, .interrupt = kTimerPin});
  append(body, MadtOverride{.line = kSciLine, .interrupt = kSciLine, .flags = kLevelActiveHigh});
  append(body, MadtNmi{});
  return body;
}

Bytes isa_device(std::string_view name, std::string_view id, aml::Resources resources) {
  Bytes body = aml::name("_HID", aml::eisa_id(id));
  join(body, aml::name("_CRS", aml::buffer(std::move(resources).take())));
  return aml::device(name, body);
}

Bytes virtio_device(unsigned index, const layout::VirtioSlot& slot) {
  Bytes body = aml::name("_HID", aml::string("LNRO0005"));
  join(body, aml::name("_UID", aml::integer(index)));
  join(body, aml::name("_CCA", aml::integer(1)));
  aml::Resources resources;
  resources.memory(static_cast<std::uint32_t>(slot.base), static_cast<std::uint32_t>(slot.size))
      .level_interrupt(slot.gsi);
  join(body, aml::name("_CRS", aml::buffer(std::move(resources).take())));
  return aml::device(fmt::format("V{:03X}", index), body);
}

Bytes dsdt(std::span<const layout::VirtioSlot> virtio) {
  // The clock raises no interrupt here, so none is promised.
  Bytes devices = isa_device("COM1", "PNP0501", aml::Resources().io(0x3f8, 8).isa_irq(4));
  join(devices, isa_device("RTC_", "PNP0B00", aml::Resources().io(0x70, 2)));
  join(devices, isa_device("KBD_", "PNP0303", aml::Resources().io(0x60, 1).io(0x64, 1).isa_irq(1)));
  for (unsigned i = 0; i < virtio.size(); ++i) join(devices, virtio_device(i, virtio[i]));
  Bytes out = aml::system_bus(devices);
  // 7.4.2.5: SLP_TYP for each control block; devices/power.hpp takes any as "off".
  join(out, aml::name("_S5_", aml::package(std::array<std::uint8_t, 4>{})));
  return out;
}

/// The blob of tables as it grows.
class Builder {
 public:
  std::uint32_t put(const std::array<char, 4>& signature, std::uint8_t revision, const Bytes& body) {
    const auto length = static_cast<std::uint32_t>(sizeof(Header) + body.size());
    const std::uint32_t start = align(16);
    append(blob_.bytes, Header{.signature = signature, .length = length, .revision = revision});
    join(blob_.bytes, body);
    blob_.checksums.push_back({start, length, start + static_cast<std::uint32_t>(offsetof(Header, checksum))});
    return start;
  }
  std::uint32_t put_facs() {
    const std::uint32_t start = align(AcpiTables::kAlign);
    append(blob_.bytes, Facs{});
    return start;
  }
  void point(std::uint32_t offset, std::uint8_t size) { blob_.pointers.push_back({offset, size}); }
  template <typename Address>
  std::uint32_t put_list(const std::array<char, 4>& signature, std::span<const std::uint32_t> tables) {
    Bytes body;
    for (const std::uint32_t target : tables) append(body, static_cast<Address>(target));
    const std::uint32_t start = put(signature, 1, body);
    for (std::uint32_t i = 0; i < tables.size(); ++i) {
      point(start + static_cast<std::uint32_t>(sizeof(Header) + i * sizeof(Address)), sizeof(Address));
    }
    return start;
  }
  AcpiBlob take() && { return std::move(blob_); }

 private:
  std::uint32_t align(std::size_t to) {
    blob_.bytes.resize((blob_.bytes.size() + to - 1) / to * to);
    return static_cast<std::uint32_t>(blob_.bytes.size());
  }
  AcpiBlob blob_;
};

AcpiBlob rsdp(std::uint32_t rsdt, std::uint32_t xsdt) {
  AcpiBlob blob;
  append(blob.bytes, Rsdp{.rsdt = rsdt, .xsdt = xsdt});
  blob.pointers = {{offsetof(Rsdp, rsdt), 4}, {offsetof(Rsdp, xsdt), 8}};
  blob.checksums = {{0, kRsdpFirstPart, offsetof(Rsdp, checksum)},
                    {0, sizeof(Rsdp), offsetof(Rsdp, extended_checksum)}};
  return blob;
}

}  // namespace

AcpiTables acpi_tables(unsigned cpus, std::span<const layout::VirtioSlot> virtio) {
  Builder builder;
  const std::uint32_t facs = builder.put_facs();
  const std::uint32_t dsdt_at = builder.put(characters("DSDT"), 2, dsdt(virtio));
  Bytes body;
  append(body, FadtBody{.facs = facs, .dsdt = dsdt_at, .wide_dsdt = dsdt_at});
  const std::uint32_t fadt = builder.put(characters("FACP"), 6, body);
  builder.point(fadt + kFadtFacs, 4);
  builder.point(fadt + kFadtDsdt, 4);
  builder.point(fadt + kFadtWideDsdt, 8);
  const std::array<std::uint32_t, 2> listed = {fadt, builder.put(characters("APIC"), 4, madt(cpus))};
  const std::uint32_t rsdt = builder.put_list<std::uint32_t>(characters("RSDT"), listed);
  const std::uint32_t xsdt = builder.put_list<std::uint64_t>(characters("XSDT"), listed);
  return {.tables = std::move(builder).take(), .rsdp = rsdp(rsdt, xsdt)};
}

std::string announce_virtio(std::string command_line, std::span<const layout::VirtioSlot> virtio) {
  std::istringstream words(command_line);
  const bool off = std::ranges::any_of(std::views::istream<std::string>(words),
                                       [](const std::string& word) { return word == "acpi=off"; });
  if (!off) return command_line;
  std::string devices;  // in front, as what follows a ` -- ` is not the kernel's
  for (const layout::VirtioSlot& slot : virtio) {
    devices += fmt::format("virtio_mmio.device={:#x}@{:#x}:{} ", slot.size, slot.base, slot.gsi);
  }
  return devices + command_line;
}

std::vector<std::byte> link(AcpiBlob blob, std::uint64_t tables) {
  VMM_CHECK(tables + blob.bytes.size() < 1ULL << 32);
  for (const AcpiBlob::Pointer& pointer : blob.pointers) {
    std::uint64_t value = 0;
    std::memcpy(&value, &blob.bytes.at(pointer.offset), pointer.size);
    value += tables;
    std::memcpy(&blob.bytes.at(pointer.offset), &value, pointer.size);
  }
  for (const AcpiBlob::Checksum& row : blob.checksums) {
    table::set_checksum(std::span(blob.bytes).subspan(row.start, row.length), row.offset - row.start);
  }
  return std::move(blob.bytes);
}

}  // namespace vmm
