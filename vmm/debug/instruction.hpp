/// The instruction at a program counter, decoded by Zydis, and how its operands name registers and memory.
///
/// Thread: any.
#pragma once

#include <Zydis/Zydis.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "vmm/cpu/cpu_state.hpp"

namespace vmm {

struct Instruction {
  ZydisDecodedInstruction head;
  std::array<ZydisDecodedOperand, ZYDIS_MAX_OPERAND_COUNT> slots;

  /// Explicit ones first.
  std::span<const ZydisDecodedOperand> operands() const { return std::span(slots).first(head.operand_count); }
};
/// Of the first bytes of `code`, as the CPU in this state would take them; empty when they are none.
std::optional<Instruction> decode(const CpuState& state, std::span<const std::byte> code);

/// The general register that `reg` is, or is a part of.
std::optional<Gpr> gpr_of(ZydisRegister reg);
std::optional<SegmentIndex> segment_of(ZydisRegister reg);
/// 0 in 64-bit mode but for FS and GS (SDM 3A 3.4.4).
std::uint64_t segment_base(const CpuState& state, SegmentIndex index);
/// The value of a general register, or of a part of one; 0 of any other.
std::uint64_t register_value(const CpuState& state, ZydisRegister reg);
/// Of a memory operand, in its segment: the sum before it is cut to the address width. Of hidden operands on the stack:
/// where the stack pointer is.
std::uint64_t offset_sum(const CpuState& state, const Instruction& instruction, const ZydisDecodedOperand& operand);
/// The same, cut.
std::uint64_t offset_of(const CpuState& state, const Instruction& instruction, const ZydisDecodedOperand& operand);

}  // namespace vmm
