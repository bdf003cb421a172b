#include "vmm/debug/instruction.hpp"

#include <algorithm>

#include "vmm/debug/arithmetic.hpp"

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

/// The value of a register as an address is made of it.
std::uint64_t address_register(const CpuState& state, ZydisRegister reg, std::uint64_t next_rip) {
  const bool relative = reg == ZYDIS_REGISTER_RIP || reg == ZYDIS_REGISTER_EIP;
  return relative ? next_rip : register_value(state, reg);
}

}  // namespace

std::optional<Instruction> decode(const CpuState& state, std::span<const std::byte> code) {
  const auto* row = std::ranges::find(kModes, mode_of(state), &ModeRow::mode);
  ZydisDecoder decoder;
  Instruction instruction{};
  if (!ZYAN_SUCCESS(ZydisDecoderInit(&decoder, row->machine, stack_width(state))) ||
      !ZYAN_SUCCESS(
          ZydisDecoderDecodeFull(&decoder, code.data(), code.size(), &instruction.head, instruction.slots.data()))) {
    return {};
  }
  return instruction;
}

std::optional<Gpr> gpr_of(ZydisRegister reg) {
  if (reg == ZYDIS_REGISTER_NONE) return {};
  const auto whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
  const auto* found = std::ranges::find(kGprs, whole);
  if (found == kGprs.end()) return {};
  return static_cast<Gpr>(found - kGprs.begin());
}

std::optional<SegmentIndex> segment_of(ZydisRegister reg) {
  const auto* found = std::ranges::find(kSegments, reg);
  if (found == kSegments.end()) return {};
  return static_cast<SegmentIndex>(found - kSegments.begin());
}

std::uint64_t segment_base(const CpuState& state, SegmentIndex index) {
  if (mode_of(state) == CpuMode::kLong64 && index < kFs) return 0;
  return state.segments.at(index).base;
}

std::uint64_t register_value(const CpuState& state, ZydisRegister reg) {
  const auto gpr = gpr_of(reg);
  return gpr ? truncated(state.gpr.at(*gpr), ZydisRegisterGetWidth(ZYDIS_MACHINE_MODE_LONG_64, reg)) : 0;
}

std::uint64_t offset_sum(const CpuState& state, const Instruction& instruction, const ZydisDecodedOperand& operand) {
  const std::uint64_t next_rip = state.rip + instruction.head.length;
  const std::uint64_t offset = address_register(state, operand.mem.base, next_rip) +
                               address_register(state, operand.mem.index, next_rip) * operand.mem.scale;
  const bool displaced = operand.mem.disp.has_displacement != 0;
  return displaced ? offset + static_cast<std::uint64_t>(operand.mem.disp.value) : offset;
}

std::uint64_t offset_of(const CpuState& state, const Instruction& instruction, const ZydisDecodedOperand& operand) {
  return truncated(offset_sum(state, instruction, operand), instruction.head.address_width);
}

}  // namespace vmm
