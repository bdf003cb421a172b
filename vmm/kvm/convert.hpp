/// CpuState ⇄ KVM's register structs.
#pragma once

#include <span>

#include "vmm/cpu/cpu_state.hpp"

struct kvm_regs;
struct kvm_sregs;

namespace vmm::kvm {

CpuState from_kvm(const ::kvm_regs& regs, const ::kvm_sregs& sregs);
void to_kvm(const CpuState& state, ::kvm_regs& regs);
/// Leaves what CpuState lacks (the interrupt bitmap) cleared: KVM keeps an injected interrupt then.
void to_kvm(const CpuState& state, ::kvm_sregs& sregs);

/// The legacy region of an XSAVE area (SDM 1 13.4.1), at least 512 bytes.
void from_fxsave(std::span<const std::byte> area, ExtendedState& state);
void to_fxsave(const ExtendedState& state, std::span<std::byte> area);

}  // namespace vmm::kvm
