/// Segment descriptors (SDM 3A 3.4): what a segment register holds after a selector was loaded.
#pragma once

#include <cstdint>
#include <expected>
#include <string>

#include "vmm/cpu/cpu_state.hpp"
#include "vmm/memory/guest_memory.hpp"

namespace vmm {

/// The hidden part as a descriptor of 8 bytes gives it; the upper half of a 16-byte system descriptor is not looked at.
Segment decode_descriptor(std::uint64_t descriptor, std::uint16_t selector);

/// What `mov` to a segment register (or a far jump, for CS) would load: selector << 4 in real and virtual-8086 mode,
/// else the descriptor of the GDT or LDT with the CPU's checks. The privilege level never changes. The accessed bit is
/// set in the result, not in the guest's table. The error is a sentence that says why the CPU would refuse.
std::expected<Segment, std::string> load_segment(const CpuState& state, const GuestMemory& memory, SegmentIndex which,
                                                 std::uint16_t selector);

}  // namespace vmm
