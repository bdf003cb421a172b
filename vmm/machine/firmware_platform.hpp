/// What firmware finds besides the devices of every machine: its configuration (fw_cfg).
#pragma once

#include "vmm/devices/fw_cfg.hpp"
#include "vmm/memory/guest_memory.hpp"

namespace vmm {

/// For SeaBIOS: memory map, CPUs, a console on the first serial line, what it does when nothing boots.
FwCfg::Contents firmware_contents(const GuestMemory& memory, unsigned cpus);

}  // namespace vmm
