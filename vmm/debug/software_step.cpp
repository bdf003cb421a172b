#include "vmm/debug/software_step.hpp"

#include <algorithm>
#include <array>

#include "vmm/debug/arithmetic.hpp"
#include "vmm/debug/effects.hpp"
#include "vmm/debug/instruction.hpp"

namespace vmm {

namespace {

constexpr std::uint64_t kCr0Am = 1U << 18;
constexpr std::uint64_t kRflagsAc = 1U << 18;
constexpr std::uint64_t kCr4Cet = 1U << 23;

bool is_word(const Effects& step) { return step.head().operand_width == step.word_bits(); }

bool do_nothing(Effects&) { return true; }

bool move(Effects& step) {
  const auto value = step.read(1);
  return value && step.write(0, *value);
}

bool move_signed(Effects& step) {
  // Without an extension CPUs differ in what they read (SDM 2B, MOVSXD).
  if (step.bits(1) >= step.bits(0)) return false;
  const auto value = step.read(1);
  return value && step.write(0, sign_extended(*value, step.bits(1)));
}

bool load_address(Effects& step) { return step.write(0, step.offset(1)); }

/// With memory it locks the bus.
bool exchange(Effects& step) {
  const auto is_register = [&](std::size_t index) { return step.operand(index).type == ZYDIS_OPERAND_TYPE_REGISTER; };
  if (!is_register(0) || !is_register(1)) return false;
  const auto first = step.read(0);
  const auto second = step.read(1);
  // Two parts of one register are no exchange of registers; one with itself still clears the upper half.
  if (!first || !second) return false;
  const bool same = gpr_of(step.operand(0).reg.value) == gpr_of(step.operand(1).reg.value);
  if (same && step.operand(0).reg.value != step.operand(1).reg.value) return false;
  return step.write(0, *second) && step.write(1, *first);
}

bool push(Effects& step) {
  if (!is_word(step) || step.operand(0).type == ZYDIS_OPERAND_TYPE_MEMORY) return false;
  const auto value = step.read(0);
  return value && step.push(*value);
}

bool pop(Effects& step) {
  if (!is_word(step) || step.operand(0).type == ZYDIS_OPERAND_TYPE_MEMORY) return false;
  const auto value = step.pop_at(step.gpr(kRsp));
  return value && step.write(0, *value);
}

bool leave(Effects& step) {
  if (!is_word(step)) return false;
  const auto value = step.pop_at(step.gpr(kRbp));
  if (value) step.set_gpr(kRbp, *value);
  return value.has_value();
}

/// Into the double-sized register, or its other half.
bool widen(Effects& step) {
  struct Row {
    ZydisMnemonic mnemonic;
    unsigned from;
    unsigned to;
    Gpr where;
    unsigned shift;
  };
  static constexpr std::array kRows = std::to_array<Row>({{ZYDIS_MNEMONIC_CWDE, 16, 32, kRax, 0},
                                                          {ZYDIS_MNEMONIC_CDQE, 32, 64, kRax, 0},
                                                          {ZYDIS_MNEMONIC_CDQ, 32, 32, kRdx, 63},
                                                          {ZYDIS_MNEMONIC_CQO, 64, 64, kRdx, 63}});
  const auto* row = std::ranges::find(kRows, step.head().mnemonic, &Row::mnemonic);
  const auto wide = static_cast<std::int64_t>(sign_extended(step.gpr(kRax), row->from));
  step.set_gpr(row->where, truncated(static_cast<std::uint64_t>(wide >> row->shift), row->to));
  return true;
}

/// Where a near branch with a constant leads. With an operand-size prefix CPUs differ (SDM 2A, JMP).
std::optional<std::uint64_t> relative_target(const Effects& step) {
  const ZydisDecodedOperand& to = step.operand(0);
  if (to.type != ZYDIS_OPERAND_TYPE_IMMEDIATE || to.imm.is_relative == 0) return {};
  if ((step.head().attributes & ZYDIS_ATTRIB_HAS_OPERANDSIZE) != 0) return {};
  return step.next_rip() + to.imm.value.u;
}

bool jump(Effects& step) {
  const auto target = relative_target(step);
  if (target) step.jump(*target);
  return target.has_value();
}

bool call(Effects& step) {
  const auto target = relative_target(step);
  if (!target || !step.push(step.next_rip())) return false;
  step.jump(*target);
  return true;
}

bool ret(Effects& step) {
  const bool near = step.head().meta.branch_type == ZYDIS_BRANCH_TYPE_NEAR;
  if (!near || (step.head().attributes & ZYDIS_ATTRIB_HAS_OPERANDSIZE) != 0) return false;
  const bool drops = step.operand(0).type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
  const auto target = step.pop_at(step.gpr(kRsp), drops ? step.operand(0).imm.value.u : 0);
  if (target) step.jump(*target);
  return target.has_value();
}

struct PlainRow {
  ZydisMnemonic mnemonic;
  bool (*act)(Effects&);
};
constexpr std::array kPlain = std::to_array<PlainRow>({
    {ZYDIS_MNEMONIC_NOP, do_nothing},
    {ZYDIS_MNEMONIC_ENDBR64, do_nothing},
    {ZYDIS_MNEMONIC_ENDBR32, do_nothing},
    {ZYDIS_MNEMONIC_MOV, move},
    {ZYDIS_MNEMONIC_MOVZX, move},
    {ZYDIS_MNEMONIC_MOVSX, move_signed},
    {ZYDIS_MNEMONIC_MOVSXD, move_signed},
    {ZYDIS_MNEMONIC_LEA, load_address},
    {ZYDIS_MNEMONIC_XCHG, exchange},
    {ZYDIS_MNEMONIC_PUSH, push},
    {ZYDIS_MNEMONIC_POP, pop},
    {ZYDIS_MNEMONIC_LEAVE, leave},
    {ZYDIS_MNEMONIC_CWDE, widen},
    {ZYDIS_MNEMONIC_CDQE, widen},
    {ZYDIS_MNEMONIC_CDQ, widen},
    {ZYDIS_MNEMONIC_CQO, widen},
    {ZYDIS_MNEMONIC_JMP, jump},
    {ZYDIS_MNEMONIC_CALL, call},
    {ZYDIS_MNEMONIC_RET, ret},
});

/// `carry`: CF before it.
using Compute = Computed (*)(std::uint64_t a, std::uint64_t b, bool carry, unsigned bits);
struct ArithmeticRow {
  ZydisMnemonic mnemonic;
  Compute compute;
  std::uint64_t flags = kRflagsArithmetic;  ///< that it sets
  bool stores = true;
  bool unary = false;
};

constexpr Compute kAdd = [](std::uint64_t a, std::uint64_t b, bool, unsigned bits) { return sum(a, b, false, bits); };
constexpr Compute kSubtract = [](std::uint64_t a, std::uint64_t b, bool, unsigned bits) {
  return difference(a, b, false, bits);
};
constexpr Compute kAnd = [](std::uint64_t a, std::uint64_t b, bool, unsigned bits) { return logical(a & b, bits); };
constexpr Compute kOr = [](std::uint64_t a, std::uint64_t b, bool, unsigned bits) { return logical(a | b, bits); };
constexpr Compute kXor = [](std::uint64_t a, std::uint64_t b, bool, unsigned bits) { return logical(a ^ b, bits); };
constexpr Compute kIncrement = [](std::uint64_t a, std::uint64_t, bool, unsigned bits) {
  return sum(a, 1, false, bits);
};
constexpr Compute kDecrement = [](std::uint64_t a, std::uint64_t, bool, unsigned bits) {
  return difference(a, 1, false, bits);
};
constexpr Compute kNegate = [](std::uint64_t a, std::uint64_t, bool, unsigned bits) {
  return difference(0, a, false, bits);
};
constexpr Compute kInvert = [](std::uint64_t a, std::uint64_t, bool, unsigned bits) { return logical(~a, bits); };

constexpr std::uint64_t kAllButCarry = kRflagsArithmetic & ~kRflagsCf;
constexpr std::array kArithmetic = std::to_array<ArithmeticRow>({
    {ZYDIS_MNEMONIC_ADD, kAdd},
    {ZYDIS_MNEMONIC_ADC, sum},
    {ZYDIS_MNEMONIC_SUB, kSubtract},
    {ZYDIS_MNEMONIC_SBB, difference},
    {ZYDIS_MNEMONIC_CMP, kSubtract, kRflagsArithmetic, false},
    {ZYDIS_MNEMONIC_AND, kAnd},
    {ZYDIS_MNEMONIC_TEST, kAnd, kRflagsArithmetic, false},
    {ZYDIS_MNEMONIC_OR, kOr},
    {ZYDIS_MNEMONIC_XOR, kXor},
    {ZYDIS_MNEMONIC_INC, kIncrement, kAllButCarry, true, true},
    {ZYDIS_MNEMONIC_DEC, kDecrement, kAllButCarry, true, true},
    {ZYDIS_MNEMONIC_NEG, kNegate, kRflagsArithmetic, true, true},
    {ZYDIS_MNEMONIC_NOT, kInvert, 0, true, true},
});

bool compute(Effects& step, const ArithmeticRow& row) {
  const auto a = step.read(0);
  const auto b = row.unary ? std::optional<std::uint64_t>(0) : step.read(1);
  if (!a || !b) return false;
  const Computed result = row.compute(*a, *b, (step.flags() & kRflagsCf) != 0, step.bits(0));
  step.set_flags(row.flags, result.flags);
  return !row.stores || step.write(0, result.value);
}

struct ShiftRow {
  ZydisMnemonic mnemonic;
  Computed (*compute)(std::uint64_t value, unsigned count, unsigned bits);
};
constexpr std::array kShifts = std::to_array<ShiftRow>({{ZYDIS_MNEMONIC_SHL, shifted_left},
                                                        {ZYDIS_MNEMONIC_SHR, shifted_right},
                                                        {ZYDIS_MNEMONIC_SAR, shifted_right_signed}});

bool shift(Effects& step, const ShiftRow& row) {
  if (step.operand(1).type != ZYDIS_OPERAND_TYPE_IMMEDIATE) return false;
  const auto value = step.read(0);
  const std::uint64_t mask = step.bits(0) == 64 ? 63 : 31;
  const auto count = static_cast<unsigned>(step.operand(1).imm.value.u & mask);
  // By nothing it changes no flag, and of 8 and 16 bits CF may be anything when all are gone (SDM 2B, SAL).
  if (!value || count == 0 || count >= step.bits(0)) return false;
  const Computed result = row.compute(*value, count, step.bits(0));
  step.set_flags(kRflagsArithmetic, result.flags);
  return step.write(0, result.value);
}

struct ConditionRow {
  ZydisMnemonic jump;
  ZydisMnemonic set;
  ZydisMnemonic move;
};
/// In the order of condition_holds().
constexpr std::array kConditions = std::to_array<ConditionRow>({
    {ZYDIS_MNEMONIC_JO, ZYDIS_MNEMONIC_SETO, ZYDIS_MNEMONIC_CMOVO},
    {ZYDIS_MNEMONIC_JNO, ZYDIS_MNEMONIC_SETNO, ZYDIS_MNEMONIC_CMOVNO},
    {ZYDIS_MNEMONIC_JB, ZYDIS_MNEMONIC_SETB, ZYDIS_MNEMONIC_CMOVB},
    {ZYDIS_MNEMONIC_JNB, ZYDIS_MNEMONIC_SETNB, ZYDIS_MNEMONIC_CMOVNB},
    {ZYDIS_MNEMONIC_JZ, ZYDIS_MNEMONIC_SETZ, ZYDIS_MNEMONIC_CMOVZ},
    {ZYDIS_MNEMONIC_JNZ, ZYDIS_MNEMONIC_SETNZ, ZYDIS_MNEMONIC_CMOVNZ},
    {ZYDIS_MNEMONIC_JBE, ZYDIS_MNEMONIC_SETBE, ZYDIS_MNEMONIC_CMOVBE},
    {ZYDIS_MNEMONIC_JNBE, ZYDIS_MNEMONIC_SETNBE, ZYDIS_MNEMONIC_CMOVNBE},
    {ZYDIS_MNEMONIC_JS, ZYDIS_MNEMONIC_SETS, ZYDIS_MNEMONIC_CMOVS},
    {ZYDIS_MNEMONIC_JNS, ZYDIS_MNEMONIC_SETNS, ZYDIS_MNEMONIC_CMOVNS},
    {ZYDIS_MNEMONIC_JP, ZYDIS_MNEMONIC_SETP, ZYDIS_MNEMONIC_CMOVP},
    {ZYDIS_MNEMONIC_JNP, ZYDIS_MNEMONIC_SETNP, ZYDIS_MNEMONIC_CMOVNP},
    {ZYDIS_MNEMONIC_JL, ZYDIS_MNEMONIC_SETL, ZYDIS_MNEMONIC_CMOVL},
    {ZYDIS_MNEMONIC_JNL, ZYDIS_MNEMONIC_SETNL, ZYDIS_MNEMONIC_CMOVNL},
    {ZYDIS_MNEMONIC_JLE, ZYDIS_MNEMONIC_SETLE, ZYDIS_MNEMONIC_CMOVLE},
    {ZYDIS_MNEMONIC_JNLE, ZYDIS_MNEMONIC_SETNLE, ZYDIS_MNEMONIC_CMOVNLE},
});

bool decide(Effects& step, const ConditionRow& row, bool holds) {
  if (step.head().mnemonic == row.jump) {
    const auto target = relative_target(step);
    if (target && holds) step.jump(*target);
    return target.has_value();
  }
  if (step.head().mnemonic == row.set) return step.write(0, holds ? 1 : 0);
  // Without the condition, too, CMOV reads its source and clears the upper half of a 32-bit register.
  const auto moved = step.read(1);
  const auto kept = step.read(0);
  return moved && kept && step.write(0, holds ? *moved : *kept);
}

/// Of all the tables above.
constexpr auto kSimple = [] {
  std::array<bool, ZYDIS_MNEMONIC_MAX_VALUE + 1> simple{};
  for (const PlainRow& row : kPlain) simple.at(row.mnemonic) = true;
  for (const ArithmeticRow& row : kArithmetic) simple.at(row.mnemonic) = true;
  for (const ShiftRow& row : kShifts) simple.at(row.mnemonic) = true;
  for (const ConditionRow& row : kConditions) simple.at(row.jump) = simple.at(row.set) = simple.at(row.move) = true;
  return simple;
}();

bool execute(Effects& step) {
  const ZydisMnemonic mnemonic = step.head().mnemonic;
  const auto* plain = std::ranges::find(kPlain, mnemonic, &PlainRow::mnemonic);
  if (plain != kPlain.end()) return plain->act(step);
  const auto* arithmetic = std::ranges::find(kArithmetic, mnemonic, &ArithmeticRow::mnemonic);
  if (arithmetic != kArithmetic.end()) return compute(step, *arithmetic);
  const auto* shifts = std::ranges::find(kShifts, mnemonic, &ShiftRow::mnemonic);
  if (shifts != kShifts.end()) return shift(step, *shifts);
  for (unsigned number = 0; number < kConditions.size(); ++number) {
    const ConditionRow& row = kConditions.at(number);
    if (mnemonic == row.jump || mnemonic == row.set || mnemonic == row.move) {
      return decide(step, row, condition_holds(number, step.flags()));
    }
  }
  return false;
}

/// LOCK, REP, and the hints that take their bytes.
bool has_special_prefix(const Instruction& instruction) {
  const auto& raw = instruction.head.raw;
  const auto special = [](const auto& prefix) {
    const bool meant = prefix.value == 0xf0 || prefix.value == 0xf2 || prefix.value == 0xf3;
    return meant && prefix.type != ZYDIS_PREFIX_TYPE_MANDATORY;
  };
  return std::any_of(raw.prefixes, raw.prefixes + raw.prefix_count, special);
}

bool can_try(const CpuState& state) {
  const CpuMode mode = mode_of(state);
  if (mode != CpuMode::kLong64 && (mode != CpuMode::kProtected32 || state.rip > 0xffff'ffff)) return false;
  const bool checks_alignment = (state.cr0 & kCr0Am) != 0 && (state.rflags & kRflagsAc) != 0 && cpl_of(state) == 3;
  // With control-flow enforcement branches and ENDBR do more than one sees.
  return (state.rflags & kRflagsTf) == 0 && (state.cr4 & kCr4Cet) == 0 && !checks_alignment;
}

/// The instruction at the program counter, if it is a simple one.
std::optional<Instruction> simple_instruction(const CpuState& state, const GuestMemory& memory,
                                              const PlantedBytes& planted) {
  if (!can_try(state)) return {};
  std::array<std::byte, kLongestInstruction> code{};
  const std::size_t length = quiet_fetch(state, memory, planted, code);
  auto instruction = decode(state, std::span(code).first(length));
  if (!instruction || !kSimple.at(instruction->head.mnemonic) || has_special_prefix(*instruction)) return {};
  // MOV, PUSH and POP are also those of control, debug and segment registers.
  const auto is_special = [](const ZydisDecodedOperand& operand) {
    return operand.type == ZYDIS_OPERAND_TYPE_REGISTER && !gpr_of(operand.reg.value);
  };
  if (std::ranges::any_of(instruction->operands().first(instruction->head.operand_count_visible), is_special))
    return {};
  // All of it must be inside the code segment.
  if (!may_jump_to(state, state.rip + instruction->head.length - 1)) return {};
  return instruction;
}

}  // namespace

bool looks_simple(const CpuState& state, const GuestMemory& memory, const PlantedBytes& planted) {
  return simple_instruction(state, memory, planted).has_value();
}

std::optional<CpuState> step_in_software(const CpuState& state, GuestMemory& memory, PlantedBytes& planted,
                                         const LeaveToCpu& leave_to_cpu) {
  const auto instruction = simple_instruction(state, memory, planted);
  if (!instruction) return {};
  Effects step(state, *instruction, memory, planted, leave_to_cpu);
  if (!execute(step) || !may_jump_to(state, step.after().rip)) return {};
  step.store(planted);
  return step.after();
}

}  // namespace vmm
