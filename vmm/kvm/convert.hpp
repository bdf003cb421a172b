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

/// An XSAVE area in standard format (SDM 1 13.4): legacy region, header, AVX state.
void from_xsave(std::span<const std::byte> area, ExtendedState& state);
/// Marks as present what it writes. AVX only when it differs from what the area holds: not every CPU takes it.
void to_xsave(const ExtendedState& state, std::span<std::byte> area);

}  // namespace vmm::kvm
