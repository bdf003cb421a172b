/// One parse and one place function per format; boot_image.cpp has the table of them.
///
/// parse_X: empty when the bytes are not of that format, LoadError when they are but something is wrong.
/// place_X: see place_image(); the segments are in memory already.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "vmm/cpu/entry_state.hpp"
#include "vmm/loader/boot_image.hpp"
#include "vmm/loader/placement.hpp"

namespace vmm {

using FileBytes = std::span<const std::byte>;

std::optional<BootImage> parse_multiboot(FileBytes file);
std::optional<BootImage> parse_pvh(FileBytes file);
std::optional<BootImage> parse_plain_elf(FileBytes file);
std::optional<BootImage> parse_bzimage(FileBytes file);
std::optional<BootImage> parse_boot_sector(FileBytes file);
/// Any bytes are a flat image. Throws HostError when it can't be entered in real mode at `address`.
BootImage parse_flat(FileBytes file, std::uint64_t address);

CpuState place_multiboot(Placement& placement, const BootOptions& options, const CpuState& reset);
CpuState place_pvh(Placement& placement, const BootOptions& options, const CpuState& reset);
CpuState place_plain_elf(Placement& placement, const CpuState& reset);
CpuState place_bzimage(Placement& placement, const BootOptions& options, const CpuState& reset);
CpuState place_boot_sector(Placement& placement, const CpuState& reset);
CpuState place_firmware(const CpuState& reset);
CpuState place_flat(Placement& placement, const CpuState& reset);

/// The GDT and TSS of cpu/entry_state.hpp, in low memory; returns their address.
std::uint64_t put_boot_tables(Placement& placement, BootGdt gdt = BootGdt::kOurs);
/// Real mode without a BIOS: every interrupt vector points at an IRET, so that a stray INT or IRQ does not run into
/// zeros. Before the segments are written: an image at address 0 brings its own vectors.
void write_real_mode_vectors(GuestMemory& memory);

}  // namespace vmm
