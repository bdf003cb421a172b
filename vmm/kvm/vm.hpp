/// One virtual machine of KVM: its memory slots and its interrupt chips.
#pragma once

#include <cstdint>
#include <expected>
#include <future>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "vmm/base/unique_fd.hpp"
#include "vmm/cpu/cpuid.hpp"
#include "vmm/kvm/msr_filter.hpp"
#include "vmm/kvm/slots.hpp"
#include "vmm/kvm/system.hpp"
#include "vmm/memory/guest_memory.hpp"

namespace vmm::kvm {

/// What CPUID is to say of this VM's CPUs.
struct CpuModel {
  unsigned cpus = 1;
  CpuPolicy policy;
};

class Vm {
 public:
  enum class Chips : std::uint8_t { kNone, kIrqchipAndPit };

  /// Creates the VM, with the in-kernel PICs, IOAPIC, LAPICs and PIT when asked. `system` and `memory` outlive it.
  Vm(const System& system, const GuestMemory& memory, Chips chips, CpuModel cpu_model = {});

  int fd() const { return fd_.get(); }
  const System& system() const { return system_; }
  const CpuModel& cpu_model() const { return cpu_model_; }
  /// Replaces the protected pages by these (any order, no duplicates); pages outside memory are our mistake. No vCPU
  /// may run meanwhile. Costs a slot change for what differs only. Throws HostError when KVM has too few slots for
  /// them, or no read-only ones.
  void protect(std::span<const ProtectedPage> pages);
  /// The guest's RDMSR and WRMSR of just these leave it as ExitMsr; none: as if they were never trapped. Or in words
  /// why KVM can't. Thread: any; running vCPUs heed it from their next entry on.
  std::expected<void, std::string> trap_msrs(std::span<const MsrRange> ranges);
  /// The guest's kvmclock in nanoseconds. Thread: any.
  std::uint64_t clock() const;
  void set_clock(std::uint64_t nanoseconds) const;
  /// KVM_IRQ_LINE: the level of a global system interrupt. Thread: any.
  void set_irq(std::uint32_t gsi, bool level) const;
  /// KVM_CREATE_VCPU; the descriptor belongs to the calling thread.
  UniqueFd create_vcpu(unsigned index) const;

 private:
  struct Slot {
    std::uint32_t id;
    MemorySlot memory;
  };
  void set_slot(std::uint32_t id, const MemorySlot& slot) const;

  const System& system_;
  const GuestMemory& memory_;
  CpuModel cpu_model_;
  UniqueFd fd_;
  std::map<std::uint64_t, Slot> slots_;  // what KVM has now, by base
  std::vector<std::uint32_t> free_ids_;  // with those of slots_: 0, 1, 2, …
  bool msr_exits_enabled_ = false;
  std::future<void> ticks_dropped_;  // last: its thread uses the rest
};

}  // namespace vmm::kvm
