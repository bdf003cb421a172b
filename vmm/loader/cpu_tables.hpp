/// What tells a guest which CPUs and interrupt lines there are, as firmware would leave it: the MP tables (Intel
/// MultiProcessor Specification 1.4, chapter 4) and ACPI's (acpi.hpp).
///
/// All lie in one block at the start of the BIOS area, where guests search for both entry structures and which the
/// memory map reserves. CPU i has local APIC id i and CPU 0 is the bootstrap processor, as KVM numbers them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "vmm/loader/acpi.hpp"
#include "vmm/loader/boot_image.hpp"
#include "vmm/memory/guest_memory.hpp"
#include "vmm/memory/layout.hpp"

namespace vmm {

inline constexpr std::uint64_t kCpuTables = layout::kBiosArea;
inline constexpr std::uint64_t kMpPointer = kCpuTables;    ///< `_MP_`, 16 bytes
inline constexpr std::uint64_t kRsdp = kCpuTables + 0x10;  ///< `RSD PTR `, 36 bytes

/// APIC ids have eight bits and 255 means all CPUs: more CPUs than these run, but are in no table.
inline constexpr unsigned kMostCpusInTables = 255;

/// The block, to be put at kCpuTables.
std::vector<std::byte> cpu_tables(unsigned cpus, std::span<const layout::VirtioSlot> virtio = {});

/// Writes the block, and into the BIOS data area where base memory ends and the EBDA begins, because guests look there
/// for the MP tables first. For `memory` in which `image` is placed; an image that claims one of these places keeps it,
/// and its guest must do without.
void place_cpu_tables(const BootImage& image, unsigned cpus, std::span<const layout::VirtioSlot> virtio,
                      GuestMemory& memory);

}  // namespace vmm
