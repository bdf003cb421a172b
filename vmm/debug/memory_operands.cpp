#include "vmm/debug/memory_operands.hpp"

#include <Zydis/Zydis.h>

#include <algorithm>
#include <array>
#include <bit>
#include <span>

#include "vmm/cpu/page_walk.hpp"

namespace vmm {

namespace {

struct ModeRow {
  CpuMode mode;
  ZydisMachineMode machine;
};
constexpr std::array kModes = std::to_array<ModeRow>({
    {CpuMode::kReal, ZYDIS_MACHINE_MODE_REAL_16},
    {CpuMode::kVm86, ZYDIS_MACHINE_MODE_REAL_16},
    {CpuMode::kProtected16, ZYDIS_MACHINE_MODE_LEGACY_16},
    {CpuMode::kProtected32, ZYDIS_MACHINE_MODE_LEGACY_32},
    {CpuMode::kCompat16, ZYDIS_MACHINE_MODE_LONG_COMPAT_16},
    {CpuMode::kCompat32, ZYDIS_MACHINE_MODE_LONG_COMPAT_32},
    {CpuMode::kLong64, ZYDIS_MACHINE_MODE_LONG_64},
});

/// SS says how wide the stack pointer is, not CS (SDM 1 6.2.3).
ZydisStackWidth stack_width(const CpuState& state) {
  if (mode_of(state) == CpuMode::kLong64) return ZYDIS_STACK_WIDTH_64;
  return state.segments[kSs].db ? ZYDIS_STACK_WIDTH_32 : ZYDIS_STACK_WIDTH_16;
}

/// In the order of Gpr.
constexpr std::array kGprs = {ZYDIS_REGISTER_RAX, ZYDIS_REGISTER_RBX, ZYDIS_REGISTER_RCX, ZYDIS_REGISTER_RDX,
                              ZYDIS_REGISTER_RSI, ZYDIS_REGISTER_RDI, ZYDIS_REGISTER_RBP, ZYDIS_REGISTER_RSP,
                              ZYDIS_REGISTER_R8,  ZYDIS_REGISTER_R9,  ZYDIS_REGISTER_R10, ZYDIS_REGISTER_R11,
                              ZYDIS_REGISTER_R12, ZYDIS_REGISTER_R13, ZYDIS_REGISTER_R14, ZYDIS_REGISTER_R15};
/// In the order of SegmentIndex.
constexpr std::array kSegments = {ZYDIS_REGISTER_CS, ZYDIS_REGISTER_SS, ZYDIS_REGISTER_DS,
                                  ZYDIS_REGISTER_ES, ZYDIS_REGISTER_FS, ZYDIS_REGISTER_GS};

std::uint64_t cut(std::uint64_t value, unsigned bits) {
  return bits >= 64 ? value : value & ((std::uint64_t{1} << bits) - 1);
}

/// The value of a register as an address is made of it, at its width.
std::uint64_t address_register(const CpuState& state, ZydisRegister reg, std::uint64_t next_rip) {
  if (reg == ZYDIS_REGISTER_NONE) return 0;
  if (reg == ZYDIS_REGISTER_RIP || reg == ZYDIS_REGISTER_EIP) return next_rip;
  const auto whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
  const auto* found = std::ranges::find(kGprs, whole);
  if (found == kGprs.end()) return 0;
  const std::uint64_t value = state.gpr.at(static_cast<std::size_t>(found - kGprs.begin()));
  return cut(value, ZydisRegisterGetWidth(ZYDIS_MACHINE_MODE_LONG_64, reg));
}

std::uint64_t segment_base(const CpuState& state, ZydisRegister reg) {
  const auto* found = std::ranges::find(kSegments, reg);
  if (found == kSegments.end()) return 0;
  const auto index = static_cast<std::size_t>(found - kSegments.begin());
  // In 64-bit mode only FS and GS have a base (SDM 3A 3.4.4).
  if (mode_of(state) == CpuMode::kLong64 && index < kFs) return 0;
  return state.segments.at(index).base;
}

/// What an instruction adds to an address beside what its operand says (SDM 2A and 2B: BT, POP, XLAT).
std::uint64_t addend(const CpuState& state, const ZydisDecodedInstruction& instruction,
                     std::span<const ZydisDecodedOperand> operands) {
  switch (instruction.mnemonic) {
    case ZYDIS_MNEMONIC_XLAT: return state.gpr[kRax] & 0xff;
    case ZYDIS_MNEMONIC_POP: {
      const bool by_stack =
          operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY &&
          ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, operands[0].mem.base) == ZYDIS_REGISTER_RSP;
      return by_stack ? operands[0].size / 8U : 0;
    }
    case ZYDIS_MNEMONIC_BT:
    case ZYDIS_MNEMONIC_BTS:
    case ZYDIS_MNEMONIC_BTR:
    case ZYDIS_MNEMONIC_BTC: {
      if (operands[1].type != ZYDIS_OPERAND_TYPE_REGISTER) return 0;
      const unsigned width = operands[1].size;
      const std::uint64_t value = address_register(state, operands[1].reg.value, 0) << (64U - width);
      const std::int64_t bit = static_cast<std::int64_t>(value) >> (64U - width);
      return static_cast<std::uint64_t>(bit >> std::countr_zero(width)) * (width / 8U);
    }
    default: return 0;
  }
}

/// Names memory, but touches none; or runs no iteration.
bool touches_nothing(const CpuState& state, const ZydisDecodedInstruction& instruction) {
  constexpr std::array kCategories{ZYDIS_CATEGORY_WIDENOP, ZYDIS_CATEGORY_PREFETCH, ZYDIS_CATEGORY_PREFETCHWT1};
  constexpr std::array kMnemonics{ZYDIS_MNEMONIC_INVLPG, ZYDIS_MNEMONIC_CLFLUSH, ZYDIS_MNEMONIC_CLFLUSHOPT,
                                  ZYDIS_MNEMONIC_CLWB, ZYDIS_MNEMONIC_CLDEMOTE};
  constexpr std::uint64_t kRepeats = ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE;
  if (std::ranges::find(kCategories, instruction.meta.category) != kCategories.end()) return true;
  if (std::ranges::find(kMnemonics, instruction.mnemonic) != kMnemonics.end()) return true;
  return (instruction.attributes & kRepeats) != 0 && cut(state.gpr[kRcx], instruction.address_width) == 0;
}

MemoryOperand operand_of(const CpuState& state, const ZydisDecodedInstruction& instruction,
                         const ZydisDecodedOperand& operand, std::uint64_t added) {
  const std::uint64_t next_rip = state.rip + instruction.length;
  std::uint64_t offset = address_register(state, operand.mem.base, next_rip) +
                         address_register(state, operand.mem.index, next_rip) * operand.mem.scale;
  if (operand.mem.disp.has_displacement != 0) offset += static_cast<std::uint64_t>(operand.mem.disp.value);
  // A push writes below where the stack pointer is, which the address size does not concern.
  const bool stack = operand.visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN && operand.mem.segment == ZYDIS_REGISTER_SS;
  const bool written = (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
  if (stack && written) offset -= operand.size / 8U;
  if (!stack) offset += added;
  offset = cut(offset, stack ? instruction.stack_width : instruction.address_width);
  const std::uint64_t linear = segment_base(state, operand.mem.segment) + offset;
  return {.linear = mode_of(state) == CpuMode::kLong64 ? linear : cut(linear, 32),
          .size = operand.size / 8U,
          .read = (operand.actions & ZYDIS_OPERAND_ACTION_MASK_READ) != 0,
          .written = written};
}

}  // namespace

std::vector<MemoryOperand> memory_operands(const CpuState& state, const GuestMemory& memory) {
  const auto* mode = std::ranges::find(kModes, mode_of(state), &ModeRow::mode);
  std::array<std::byte, ZYDIS_MAX_INSTRUCTION_LENGTH> code{};
  const std::size_t length = read_linear(state, memory, linear_pc(state), code);
  ZydisDecoder decoder;
  ZydisDecodedInstruction instruction;
  std::array<ZydisDecodedOperand, ZYDIS_MAX_OPERAND_COUNT> operands{};
  if (!ZYAN_SUCCESS(ZydisDecoderInit(&decoder, mode->machine, stack_width(state))) ||
      !ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code.data(), length, &instruction, operands.data()))) {
    return {};
  }
  std::vector<MemoryOperand> found;
  if (touches_nothing(state, instruction)) return found;
  const std::uint64_t added = addend(state, instruction, operands);
  for (const ZydisDecodedOperand& operand : std::span(operands).first(instruction.operand_count)) {
    if (operand.type != ZYDIS_OPERAND_TYPE_MEMORY || operand.mem.type == ZYDIS_MEMOP_TYPE_AGEN) continue;
    found.push_back(operand_of(state, instruction, operand, added));
  }
  return found;
}

std::optional<std::size_t> read_by_next_instruction(const CpuState& state, const GuestMemory& memory,
                                                    const Plan& plan) {
  const auto wanted = [](const Breakpoint& row) {
    return row.mechanism == Breakpoint::Mechanism::kCompare && is_watch(row.spec) && watches_reads(row.spec);
  };
  if (!std::ranges::any_of(plan.rows, wanted)) return std::nullopt;
  for (const MemoryOperand& operand : memory_operands(state, memory)) {
    for (std::size_t i = 0; i < plan.rows.size(); ++i) {
      const gdb::BreakpointSpec& spec = plan.rows[i].spec;
      const bool overlap = operand.linear < spec.address + spec.kind && spec.address < operand.linear + operand.size;
      const bool counts = operand.read || (operand.written && spec.type == gdb::BreakpointType::kAccessWatch);
      if (wanted(plan.rows[i]) && overlap && counts) return i;
    }
  }
  return std::nullopt;
}

}  // namespace vmm
