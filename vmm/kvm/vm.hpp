/// One virtual machine of KVM: its memory slots and its interrupt chips.
#pragma once

#include <cstdint>
#include <vector>

#include "vmm/base/unique_fd.hpp"
#include "vmm/kvm/system.hpp"
#include "vmm/memory/guest_memory.hpp"

namespace vmm::kvm {

class Vm {
 public:
  enum class Chips : std::uint8_t { kNone, kIrqchipAndPit };

  /// Creates the VM, with the in-kernel PICs, IOAPIC, LAPICs and PIT when asked. `system` and `memory` outlive it.
  Vm(const System& system, const GuestMemory& memory, Chips chips);

  int fd() const { return fd_.get(); }
  const System& system() const { return system_; }
  /// KVM_IRQ_LINE: the level of a global system interrupt. Thread: any.
  void set_irq(std::uint32_t gsi, bool level) const;
  /// KVM_CREATE_VCPU; the descriptor belongs to the calling thread.
  UniqueFd create_vcpu(unsigned index) const;

 private:
  const System& system_;
  UniqueFd fd_;
};

}  // namespace vmm::kvm
