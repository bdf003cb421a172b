/// ACPI's tables (ACPI 6.5, chapter 5) for this machine: RSDP, RSDT, XSDT, FADT, FACS, MADT, and a DSDT with the
/// devices that no bus announces.
///
/// Not the hardware-reduced kind: hobby kernels power off by the FADT's PM1a control block and SLP_TYP of \_S5, and
/// Linux, when told "reduced", does without PIT and PICs, which KVM has. The machine is in ACPI mode from the start
/// (SMI_CMD is 0).
///
/// Made without knowing where they will lie: by place_cpu_tables() when an image is booted directly, by firmware when
/// there is some (its "table loader" does the same with the same lists).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "vmm/memory/layout.hpp"

namespace vmm {

/// Fixed hardware, in I/O ports (4.8.3): where the devices of vmm/devices are mapped.
inline constexpr std::uint16_t kPm1Event = 0x600;
inline constexpr std::uint16_t kPm1Control = 0x604;
inline constexpr std::uint16_t kPmTimer = 0x608;
inline constexpr std::uint8_t kSciLine = 9;

/// What KVM's I/O APIC answers after reset. Not the first id that no CPU has: xAPICs don't share a number space with
/// I/O APICs, and kernels compare the table's with the register.
inline constexpr std::uint8_t kIoApicId = 0;
/// KVM's routing, unless told otherwise, takes interrupt line i to pin i of the I/O APIC, the timer's included; on real
/// boards that one goes to pin 2.
inline constexpr std::uint8_t kTimerPin = 0;
inline constexpr std::uint32_t kLocalApicAddress = 0xfee00000;
inline constexpr std::uint32_t kIoApicAddress = 0xfec00000;

/// Bytes that are not complete before it is known where the tables lie.
struct AcpiBlob {
  struct Pointer {
    std::uint32_t offset;  ///< of a little-endian offset into AcpiTables::tables, to which the tables' address is added
    std::uint8_t size;     ///< 4 or 8
  };
  struct Checksum {
    std::uint32_t start;  ///< of the bytes that are to add up to zero …
    std::uint32_t length;
    std::uint32_t offset;  ///< … by this one
  };
  std::vector<std::byte> bytes;
  std::vector<Pointer> pointers;
  std::vector<Checksum> checksums;  ///< in this order, after all pointers
};

struct AcpiTables {
  static constexpr std::uint64_t kAlign = 64;  ///< of `tables` (the FACS's); 16 of `rsdp`
  AcpiBlob tables;
  AcpiBlob rsdp;
};

/// CPU i has local APIC id i; at most 255 CPUs.
AcpiTables acpi_tables(unsigned cpus, std::span<const layout::VirtioSlot> virtio);

/// Linux's command line with `virtio_mmio.device=` for each device when `acpi=off` is on it; else unchanged, as the
/// DSDT has them, and what is announced twice is probed twice.
std::string announce_virtio(std::string command_line, std::span<const layout::VirtioSlot> virtio);

/// The finished bytes of a blob when `tables` lie at this address, below 4 GiB.
std::vector<std::byte> link(AcpiBlob blob, std::uint64_t tables);

}  // namespace vmm
