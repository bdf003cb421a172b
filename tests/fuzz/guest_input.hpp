/// What the targets that run on guest memory make of their input.
#pragma once

#include <cstdint>
#include <span>

#include "vmm/cpu/cpu_state.hpp"
#include "vmm/memory/guest_memory.hpp"
#include "vmm/memory/layout.hpp"

/// 1 MiB, zero but for `bytes` from address 0 on; the same object each time.
inline vmm::GuestMemory& memory_with(std::span<const std::uint8_t> bytes) {
  static vmm::GuestMemory memory(vmm::layout::kMiB);
  memory.clear();
  memory.write(0, std::as_bytes(bytes));
  return memory;
}

/// With the control registers, the flags and CS.L that every such input begins with.
template <typename Input>
vmm::CpuState control_state(const Input& input) {
  vmm::CpuState state;
  state.cr0 = input.cr0;
  state.cr3 = input.cr3;
  state.cr4 = input.cr4;
  state.efer = input.efer;
  state.rflags = input.rflags;
  state.segments[vmm::kCs].l = (input.code_flags & 1) != 0;
  return state;
}
