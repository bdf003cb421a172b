#include "vmm/kvm/vm.hpp"

#include <cerrno>

#include "vmm/kvm/ioctl.hpp"
#include "vmm/kvm/kvm_api.hpp"
#include "vmm/memory/layout.hpp"

namespace vmm::kvm {

namespace {

UniqueFd create_vm(const System& system) {
  int fd = -1;
  do {
    fd = ::ioctl(system.fd(), KVM_CREATE_VM, 0);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) throw HostError::from_errno("KVM_CREATE_VM");
  return UniqueFd(fd);
}

}  // namespace

Vm::Vm(const System& system, const GuestMemory& memory, Chips chips) : system_(system), fd_(create_vm(system)) {
  // VT-x without unrestricted guests runs real mode inside a hidden TSS and identity map (KVM API 4.35, 4.38).
  if (system.extension(KVM_CAP_SET_IDENTITY_MAP_ADDR) != 0) {
    std::uint64_t address = layout::kIdentityMapForKvm;
    checked_ioctl(fd(), KVM_SET_IDENTITY_MAP_ADDR, "KVM_SET_IDENTITY_MAP_ADDR", &address);
  }
  if (system.extension(KVM_CAP_SET_TSS_ADDR) != 0) {
    checked_ioctl(fd(), KVM_SET_TSS_ADDR, "KVM_SET_TSS_ADDR", static_cast<unsigned long>(layout::kTssForKvm));
  }
  if (chips == Chips::kIrqchipAndPit) {
    checked_ioctl(fd(), KVM_CREATE_IRQCHIP, "KVM_CREATE_IRQCHIP", 0);
    ::kvm_pit_config pit{};
    pit.flags = KVM_PIT_SPEAKER_DUMMY;
    checked_ioctl(fd(), KVM_CREATE_PIT2, "KVM_CREATE_PIT2", &pit);
    // The ticks that a stopped guest misses are not made up for when it runs on.
    ::kvm_reinject_control reinject{};
    if (system.extension(KVM_CAP_REINJECT_CONTROL) != 0) {
      checked_ioctl(fd(), KVM_REINJECT_CONTROL, "KVM_REINJECT_CONTROL", &reinject);
    }
  }
  std::uint32_t slot = 0;
  for (const GuestMemory::Region& region : memory.regions()) {
    ::kvm_userspace_memory_region row{};
    row.slot = slot++;
    row.guest_phys_addr = region.base;
    row.memory_size = region.size;
    row.userspace_addr = reinterpret_cast<std::uint64_t>(region.host);
    checked_ioctl(fd(), KVM_SET_USER_MEMORY_REGION, "KVM_SET_USER_MEMORY_REGION", &row);
  }
}

void Vm::set_irq(std::uint32_t gsi, bool level) const {
  ::kvm_irq_level row{};
  row.irq = gsi;
  row.level = level ? 1 : 0;
  checked_ioctl(fd(), KVM_IRQ_LINE, "KVM_IRQ_LINE", &row);
}

UniqueFd Vm::create_vcpu(unsigned index) const {
  return UniqueFd(checked_ioctl(fd(), KVM_CREATE_VCPU, "KVM_CREATE_VCPU", static_cast<unsigned long>(index)));
}

}  // namespace vmm::kvm
