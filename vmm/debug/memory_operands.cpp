#include "vmm/debug/memory_operands.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <span>

#include "vmm/cpu/page_walk.hpp"
#include "vmm/debug/arithmetic.hpp"
#include "vmm/debug/instruction.hpp"

namespace vmm {

namespace {

/// What an instruction adds to an address beside what its operand says (SDM 2A and 2B: BT, POP, XLAT).
std::uint64_t addend(const CpuState& state, const Instruction& instruction) {
  const auto operands = instruction.operands();
  switch (instruction.head.mnemonic) {
    case ZYDIS_MNEMONIC_XLAT: return state.gpr[kRax] & 0xff;
    case ZYDIS_MNEMONIC_POP: {
      const bool by_stack = operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY && gpr_of(operands[0].mem.base) == kRsp;
      return by_stack ? operands[0].size / 8U : 0;
    }
    case ZYDIS_MNEMONIC_BT:
    case ZYDIS_MNEMONIC_BTS:
    case ZYDIS_MNEMONIC_BTR:
    case ZYDIS_MNEMONIC_BTC: {
      if (operands[1].type != ZYDIS_OPERAND_TYPE_REGISTER) return 0;
      const unsigned width = operands[1].size;
      const std::uint64_t value = register_value(state, operands[1].reg.value) << (64U - width);
      const std::int64_t bit = static_cast<std::int64_t>(value) >> (64U - width);
      return static_cast<std::uint64_t>(bit >> std::countr_zero(width)) * (width / 8U);
    }
    default: return 0;
  }
}

constexpr std::uint64_t kRepeats = ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE;

/// Names memory, but touches none; or runs no iteration.
bool touches_nothing(const CpuState& state, const ZydisDecodedInstruction& instruction) {
  constexpr std::array kCategories{ZYDIS_CATEGORY_WIDENOP, ZYDIS_CATEGORY_PREFETCH, ZYDIS_CATEGORY_PREFETCHWT1};
  constexpr std::array kMnemonics{ZYDIS_MNEMONIC_INVLPG, ZYDIS_MNEMONIC_CLFLUSH, ZYDIS_MNEMONIC_CLFLUSHOPT,
                                  ZYDIS_MNEMONIC_CLWB, ZYDIS_MNEMONIC_CLDEMOTE};
  if (std::ranges::find(kCategories, instruction.meta.category) != kCategories.end()) return true;
  if (std::ranges::find(kMnemonics, instruction.mnemonic) != kMnemonics.end()) return true;
  return (instruction.attributes & kRepeats) != 0 && truncated(state.gpr[kRcx], instruction.address_width) == 0;
}

MemoryOperand operand_of(const CpuState& state, const Instruction& instruction, const ZydisDecodedOperand& operand,
                         std::uint64_t added) {
  std::uint64_t offset = offset_sum(state, instruction, operand);
  // A push writes below where the stack pointer is, which the address size does not concern.
  const bool stack = operand.visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN && operand.mem.segment == ZYDIS_REGISTER_SS;
  const bool written = (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
  if (stack && written) offset -= operand.size / 8U;
  if (!stack) offset += added;
  offset = truncated(offset, stack ? instruction.head.stack_width : instruction.head.address_width);
  const auto segment = segment_of(operand.mem.segment);
  const std::uint64_t linear = (segment ? segment_base(state, *segment) : 0) + offset;
  return {.linear = mode_of(state) == CpuMode::kLong64 ? linear : truncated(linear, 32),
          .size = operand.size / 8U,
          .read = (operand.actions & ZYDIS_OPERAND_ACTION_MASK_READ) != 0,
          .written = written,
          .counter_bits = (instruction.head.attributes & kRepeats) != 0 ? instruction.head.address_width : 0U};
}

}  // namespace

std::vector<MemoryOperand> memory_operands(const CpuState& state, const GuestMemory& memory) {
  std::array<std::byte, ZYDIS_MAX_INSTRUCTION_LENGTH> code{};
  const std::size_t length = read_linear(state, memory, linear_pc(state), code);
  const auto instruction = decode(state, std::span(code).first(length));
  std::vector<MemoryOperand> found;
  if (!instruction || touches_nothing(state, instruction->head)) return found;
  const std::uint64_t added = addend(state, *instruction);
  for (const ZydisDecodedOperand& operand : instruction->operands()) {
    if (operand.type != ZYDIS_OPERAND_TYPE_MEMORY || operand.mem.type == ZYDIS_MEMOP_TYPE_AGEN) continue;
    found.push_back(operand_of(state, *instruction, operand, added));
  }
  return found;
}

namespace {

bool watches_reads_by_stepping(const Breakpoint& row) {
  return row.mechanism == Breakpoint::Mechanism::kCompare && is_watch(row.spec) && watches_reads(row.spec);
}

}  // namespace

MemoryOperand touched(MemoryOperand operand, const CpuState& before, const CpuState& after) {
  // Elsewhere than there or behind it, RCX is no counter any more.
  const bool here = operand.counter_bits != 0 && after.rip - before.rip <= ZYDIS_MAX_INSTRUCTION_LENGTH;
  const std::uint64_t count = here ? truncated(before.gpr[kRcx] - after.gpr[kRcx], operand.counter_bits) : 0;
  if (count < 2 || count > truncated(before.gpr[kRcx], operand.counter_bits)) return operand;
  const std::uint64_t more = (count - 1) * operand.size;
  if ((before.rflags & kRflagsDf) != 0) operand.linear -= more;
  operand.size += more;
  return operand;
}

bool steps_for_reads(const Plan& plan) { return std::ranges::any_of(plan.rows, watches_reads_by_stepping); }

std::optional<std::size_t> read_by_step(std::span<const MemoryOperand> operands, const CpuState& before,
                                        const CpuState& after, const Plan& plan) {
  for (const MemoryOperand& named : operands) {
    const MemoryOperand operand = touched(named, before, after);
    for (std::size_t i = 0; i < plan.rows.size(); ++i) {
      const gdb::BreakpointSpec& spec = plan.rows[i].spec;
      const bool overlap = spec.address - operand.linear < operand.size || operand.linear - spec.address < spec.kind;
      const bool counts = operand.read || (operand.written && spec.type == gdb::BreakpointType::kAccessWatch);
      if (watches_reads_by_stepping(plan.rows[i]) && overlap && counts) return i;
    }
  }
  return std::nullopt;
}

}  // namespace vmm
