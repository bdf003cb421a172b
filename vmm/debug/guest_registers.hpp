/// The guest's own debug registers beside ours, on hosts where KVM lets the guest's rest while ours are armed: they are
/// armed together, and what they fire is given to the guest.
///
/// Thread: the vCPU's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "vmm/cpu/cpu_state.hpp"
#include "vmm/kvm/vcpu.hpp"

namespace vmm {

class GuestRegisters {
 public:
  /// Reads them anew at the next arm(): the guest may have changed them.
  void forget() { known_.reset(); }
  bool known() const { return known_.has_value(); }
  /// The guest has some enabled.
  static bool any(kvm::Vcpu& vcpu);
  /// Adds the guest's enabled registers to those free in `control`, if that arms any; its changes of them exit.
  void arm(kvm::Vcpu& vcpu, kvm::DebugControl& control);
  /// Of the DR6 of an exit: the bits that the guest shall find in its own. The rest stays in `dr6`.
  std::uint64_t take(std::uint64_t& dr6) const;
  /// Whether one of these bits is of an instruction breakpoint, a fault: RF keeps it from firing again (SDM
  /// 3B 18.3.1.1).
  bool any_fault(std::uint64_t bits) const;

 private:
  std::optional<kvm::GuestDebugRegisters> known_;
  std::array<std::optional<std::size_t>, 4> own_{};  // by slot: the guest's register in it
};

}  // namespace vmm
