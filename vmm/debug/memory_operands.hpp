/// Which watched bytes an instruction is about to read, by decoding it: for hosts and pages where nothing else shows a
/// read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "vmm/cpu/cpu_state.hpp"
#include "vmm/debug/plan.hpp"
#include "vmm/memory/guest_memory.hpp"

namespace vmm {

struct MemoryOperand {
  std::uint64_t linear;
  std::uint64_t size;  ///< bytes; of a string instruction: of its first element
  bool read;
  bool written;
  bool operator==(const MemoryOperand&) const = default;
};
/// Of the instruction at the program counter, implied ones (stacks, strings) too; none when it can't be decoded.
std::vector<MemoryOperand> memory_operands(const CpuState& state, const GuestMemory& memory);

/// The first row of the plan that watches reads of what the next instruction reads, by stepping.
std::optional<std::size_t> read_by_next_instruction(const CpuState& state, const GuestMemory& memory, const Plan& plan);

}  // namespace vmm
