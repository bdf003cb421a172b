/// What firmware finds besides the devices of every machine: its configuration (fw_cfg).
#pragma once

#include <cstddef>
#include <span>

#include "vmm/devices/fw_cfg.hpp"
#include "vmm/memory/guest_memory.hpp"
#include "vmm/memory/layout.hpp"

namespace vmm {

/// For SeaBIOS: memory map, CPUs, ACPI's tables, a console on the first serial line, the boot order, what it does when
/// nothing boots. `first_disks`: virtio disks to be tried before all others, in this order; a disk on the ISA bus has
/// no name in a boot order. `vga_bios`: an option ROM that firmware starts first, for its screen; empty: none.
FwCfg::Contents firmware_contents(const GuestMemory& memory, unsigned cpus, std::span<const layout::VirtioSlot> virtio,
                                  std::span<const layout::VirtioSlot> first_disks, std::span<const std::byte> vga_bios);

}  // namespace vmm
