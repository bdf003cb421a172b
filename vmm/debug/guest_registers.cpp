#include "vmm/debug/guest_registers.hpp"

#include <algorithm>

namespace vmm {

namespace {

// DR7 (SDM 3B 18.2.4): L and G of register i at 2i, R/W at 16 + 4i, LEN at 18 + 4i.
bool enabled(std::uint64_t dr7, std::size_t i) { return (dr7 >> (2 * i) & 3U) != 0; }
unsigned kind_of(std::uint64_t dr7, std::size_t i) { return static_cast<unsigned>(dr7 >> (16 + 4 * i) & 3U); }
std::uint8_t length_of(std::uint64_t dr7, std::size_t i) {
  constexpr std::array<std::uint8_t, 4> kLengths{1, 2, 8, 4};
  return kLengths.at(dr7 >> (18 + 4 * i) & 3U);
}

}  // namespace

bool GuestRegisters::any(kvm::Vcpu& vcpu) {
  constexpr std::uint64_t kEnables = 0xff;
  return (vcpu.guest_debug_registers().dr7 & kEnables) != 0;
}

void GuestRegisters::arm(kvm::Vcpu& vcpu, kvm::DebugControl& control) {
  own_ = {};
  if (!control.any_register() && !control.trap_debug) {
    // Then KVM leaves the guest's in place.
    for (std::size_t i = 0; i < own_.size(); ++i) own_.at(i) = i;
    return;
  }
  if (!known_) known_ = vcpu.guest_debug_registers();
  control.general_detect = !control.step;
  for (std::size_t i = 0; i < own_.size(); ++i) {
    constexpr unsigned kIo = 2;
    if (!enabled(known_->dr7, i) || kind_of(known_->dr7, i) == kIo) continue;
    const auto free = std::ranges::find_if(control.registers, [](const auto& row) { return !row; });
    if (free == control.registers.end()) return;
    *free = kvm::DebugRegister{.kind = static_cast<kvm::DebugRegister::Kind>(kind_of(known_->dr7, i)),
                               .length = length_of(known_->dr7, i),
                               .address = known_->db.at(i)};
    own_.at(static_cast<std::size_t>(free - control.registers.begin())) = i;
  }
}

std::uint64_t GuestRegisters::take(std::uint64_t& dr6) const {
  std::uint64_t bits = 0;
  for (std::size_t slot = 0; slot < own_.size(); ++slot) {
    const std::uint64_t bit = std::uint64_t{1} << slot;
    if (!own_.at(slot) || (dr6 & bit) == 0) continue;
    bits |= std::uint64_t{1} << *own_.at(slot);
    dr6 &= ~bit;
  }
  return bits;
}

bool GuestRegisters::any_fault(std::uint64_t bits) const {
  if (!known_) return false;
  for (std::size_t i = 0; i < own_.size(); ++i) {
    if ((bits >> i & 1U) != 0 && kind_of(known_->dr7, i) == 0) return true;
  }
  return false;
}

}  // namespace vmm
