/// Which watched bytes an instruction reads, by decoding it: for hosts and pages where nothing else shows a read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
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
  unsigned counter_bits = 0;  ///< of a repeated string instruction: how much of RCX counts
  bool operator==(const MemoryOperand&) const = default;
};
/// Of the instruction at the program counter, implied ones (stacks, strings) too; none when it can't be decoded.
std::vector<MemoryOperand> memory_operands(const CpuState& state, const GuestMemory& memory);

/// What the step from `before` to `after` touched of an operand of `before`: some hosts run a string instruction to its
/// end in one step.
MemoryOperand touched(MemoryOperand operand, const CpuState& before, const CpuState& after);

/// Some row of the plan watches reads by stepping.
bool steps_for_reads(const Plan& plan);
/// The first such row that the step from `before` to `after` read of. `operands`: of `before`.
std::optional<std::size_t> read_by_step(std::span<const MemoryOperand> operands, const CpuState& before,
                                        const CpuState& after, const Plan& plan);

}  // namespace vmm
