/// Interrupt delivery in long mode, in software (SDM 3A 6.14): where a vector's handler is, the frame it finds, and the
/// way back. A host whose KVM loses control in user mode is debugged with these.
#pragma once

#include <cstdint>
#include <optional>

#include "vmm/cpu/cpu_state.hpp"
#include "vmm/memory/guest_memory.hpp"

namespace vmm {

/// The handler of `vector` by the guest's IDT; empty when there is none (or outside long mode).
std::optional<std::uint64_t> handler_of(const CpuState& state, const GuestMemory& memory, unsigned vector);

struct InterruptFrame {
  std::uint64_t rip;
  std::uint64_t cs;
  std::uint64_t rflags;
  std::uint64_t rsp;
  std::uint64_t ss;
  bool from_user() const { return (cs & 3) == 3; }
};
/// The frame at `address`: of a vector without error code, at its handler's first instruction; or what IRETQ would pop.
std::optional<InterruptFrame> frame_at(const CpuState& state, const GuestMemory& memory, std::uint64_t address);

/// The state as IRETQ of this frame to user mode leaves it; empty when the guest's descriptors do not allow it.
std::optional<CpuState> return_to_user(const CpuState& state, const GuestMemory& memory, const InterruptFrame& frame);

/// A step that ended in a handler may have left its TF in the frame there, where the guest's IRETQ would load it and
/// get a #DB of ours. Clears it, when the stack of `after` holds the frame that interrupted `before`.
void scrub_step_flag(const CpuState& before, const CpuState& after, GuestMemory& memory);

}  // namespace vmm
