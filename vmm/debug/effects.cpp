#include "vmm/debug/effects.hpp"

#include <array>
#include <bit>

#include "vmm/debug/arithmetic.hpp"

namespace vmm {

namespace {

bool is_high_byte(ZydisRegister reg) { return reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH; }

}  // namespace

Effects::Effects(const CpuState& state, const Instruction& instruction, const GuestMemory& memory,
                 const PlantedBytes& planted, const LeaveToCpu& leave_to_cpu)
    : before_(state),
      after_(state),
      instruction_(instruction),
      memory_(memory),
      planted_(planted),
      leave_to_cpu_(leave_to_cpu),
      long_(mode_of(state) == CpuMode::kLong64) {
  after_.rflags &= ~kRflagsRf;
  after_.rip = code_address(state.rip + instruction.head.length);
}

std::optional<std::uint64_t> Effects::read(std::size_t index) {
  const ZydisDecodedOperand& from = operand(index);
  if (from.type == ZYDIS_OPERAND_TYPE_IMMEDIATE) return from.imm.value.u;
  if (from.type == ZYDIS_OPERAND_TYPE_REGISTER) {
    const auto reg = gpr_of(from.reg.value);
    if (!reg) return {};
    return truncated(gpr(*reg) >> (is_high_byte(from.reg.value) ? 8 : 0), from.size);
  }
  const auto found = access_of(from);
  if (!found) return {};
  return load(*found);
}

bool Effects::write(std::size_t index, std::uint64_t value) {
  const ZydisDecodedOperand& to = operand(index);
  if (to.type == ZYDIS_OPERAND_TYPE_REGISTER) {
    const auto reg = gpr_of(to.reg.value);
    if (!reg) return false;
    // 32-bit results clear the upper half, smaller ones leave the rest (SDM 1 3.4.1.1).
    const unsigned shift = is_high_byte(to.reg.value) ? 8 : 0;
    const std::uint64_t kept = to.size >= 32 ? 0 : gpr(*reg) & ~(truncated(~std::uint64_t{0}, to.size) << shift);
    set_gpr(*reg, kept | truncated(value, to.size) << shift);
    return true;
  }
  const auto found = access_of(to);
  if (!found) return false;
  store_ = Store{*found, value};
  return true;
}

std::optional<DataAccess> Effects::access(const WantedAccess& wanted) const {
  const auto found = quiet_data_access(before_, memory_, planted_, wanted);
  if (!found || leave_to_cpu_(*found)) return {};
  return found;
}

std::optional<DataAccess> Effects::access_of(const ZydisDecodedOperand& of) const {
  const auto segment = of.type == ZYDIS_OPERAND_TYPE_MEMORY ? segment_of(of.mem.segment) : std::nullopt;
  if (!segment || of.mem.type != ZYDIS_MEMOP_TYPE_MEM) return {};
  return access({.segment = *segment,
                 .offset = offset_of(before_, instruction_, of),
                 .size = of.size / 8U,
                 .read = (of.actions & ZYDIS_OPERAND_ACTION_MASK_READ) != 0,
                 .written = (of.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0});
}

std::uint64_t Effects::load(const DataAccess& access) const {
  std::array<std::byte, 8> bytes{};
  const auto part = std::span(bytes).first(access.size);
  memory_.read(access.physical, part);
  planted_.hide(access.physical, part);
  return std::bit_cast<std::uint64_t>(bytes);
}

std::uint64_t Effects::code_address(std::uint64_t rip) const { return truncated(rip, word_bits()); }

bool Effects::push(std::uint64_t value) {
  const std::uint64_t top = truncated(gpr(kRsp) - word_bits() / 8, word_bits());
  const auto found = access({.segment = kSs, .offset = top, .size = word_bits() / 8, .read = false, .written = true});
  if (!found || !flat_stack()) return false;
  set_gpr(kRsp, top);
  store_ = Store{*found, value};
  return true;
}

std::optional<std::uint64_t> Effects::pop_at(std::uint64_t stack_pointer, std::uint64_t dropped) {
  const std::uint64_t top = truncated(stack_pointer, word_bits());
  const auto found = access({.segment = kSs, .offset = top, .size = word_bits() / 8, .read = true, .written = false});
  if (!found || !flat_stack()) return {};
  set_gpr(kRsp, truncated(top + word_bits() / 8 + dropped, word_bits()));
  return load(*found);
}

void Effects::store(PlantedBytes& planted) const {
  if (!store_) return;
  const auto bytes = std::bit_cast<std::array<std::byte, 8>>(store_->value);
  planted.write_under(store_->access.physical, std::span(bytes).first(store_->access.size));
}

}  // namespace vmm
