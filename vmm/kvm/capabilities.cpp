#include "vmm/kvm/capabilities.hpp"

#include "vmm/kvm/kvm_api.hpp"

namespace vmm::kvm {

std::vector<Capability> capabilities(const System& system) {
  struct Row {
    int number;
    std::string_view name;
    std::string_view meaning;
  };
  static constexpr Row kRows[] = {
      {KVM_CAP_IRQCHIP, "IRQCHIP", "interrupt chips in the kernel"},
      {KVM_CAP_PIT2, "PIT2", "timer chip in the kernel"},
      {KVM_CAP_MAX_VCPUS, "MAX_VCPUS", "most CPUs of a guest"},
      {KVM_CAP_NR_MEMSLOTS, "NR_MEMSLOTS", "memory slots"},
      {KVM_CAP_SET_GUEST_DEBUG, "SET_GUEST_DEBUG", "stepping and breakpoints"},
      {KVM_CAP_SET_GUEST_DEBUG2, "SET_GUEST_DEBUG2", "mask of KVM_GUESTDBG_ flags"},
      {KVM_CAP_IMMEDIATE_EXIT, "IMMEDIATE_EXIT", "a stop loses no device access"},
      {KVM_CAP_SYNC_REGS, "SYNC_REGS", "mask of KVM_SYNC_X86_ registers"},
      {KVM_CAP_READONLY_MEM, "READONLY_MEM", "memory slots that trap writes"},
      {KVM_CAP_XSAVE, "XSAVE", "extended registers"},
      {KVM_CAP_VCPU_EVENTS, "VCPU_EVENTS", "pending exceptions"},
      {KVM_CAP_DEBUGREGS, "DEBUGREGS", "the guest's own debug registers"},
      {KVM_CAP_MP_STATE, "MP_STATE", "halted and waiting CPUs"},
      {KVM_CAP_KVMCLOCK_CTRL, "KVMCLOCK_CTRL", "a stopped guest's clock"},
      {KVM_CAP_X86_USER_SPACE_MSR, "X86_USER_SPACE_MSR", "MSR accesses that leave the guest"},
      {KVM_CAP_X86_MSR_FILTER, "X86_MSR_FILTER", "which MSRs do"},
      {KVM_CAP_ADJUST_CLOCK, "ADJUST_CLOCK", "the guest's clock can be set"},
      {KVM_CAP_EXIT_ON_EMULATION_FAILURE, "EXIT_ON_EMULATION_FAILURE", "no #UD for what KVM cannot emulate"},
      {KVM_CAP_X86_SMM, "X86_SMM", "system management mode"},
  };
  std::vector<Capability> found;
  for (const Row& row : kRows) found.push_back({row.name, system.extension(row.number), row.meaning});
  return found;
}

}  // namespace vmm::kvm
