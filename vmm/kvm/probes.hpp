/// What this host's KVM really does, learnt by running micro-guests: hosts differ in exactly the parts a debugger lives
/// on
/// (../shared/kvm-hosts.md), and no capability tells.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vmm/kvm/system.hpp"

namespace vmm::kvm {

/// What a trapping instruction that we planted does.
enum class TrapEffect : std::uint8_t {
  kNone,              ///< the guest gets it: no use to a debugger
  kDebugExit,         ///< KVM_EXIT_DEBUG
  kEmulationFailure,  ///< KVM_EXIT_INTERNAL_ERROR with rip at it: as good, when one knows
};

struct HostAbilities {
  TrapEffect int3_real = TrapEffect::kNone;
  TrapEffect int3_kernel = TrapEffect::kNone;  ///< long mode, CPL 0
  TrapEffect int3_user = TrapEffect::kNone;    ///< long mode, CPL 3
  TrapEffect icebp_real = TrapEffect::kNone;
  TrapEffect icebp_kernel = TrapEffect::kNone;
  bool execute_registers = false;
  bool execute_registers_user = false;
  bool data_registers = false;
  bool guest_registers_beside = false;  ///< the guest's own debug registers fire while some of ours are armed
  bool step = false;
  bool step_user = false;
  bool step_enters_handlers = false;  ///< a step over what faults ends in the handler; else behind the handler's return
  bool stale_step = false;            ///< a step over what leaves the guest reports a #DB again at the next entry
  bool block_interrupts = false;
  bool paging32 = false;
  bool syscall = false;  ///< SYSCALL from user mode arrives at LSTAR with CPL 0
  bool sync_regs = false;
  bool protect_writes = false;       ///< a store to a read-only page leaves at CPL 0, with what it would have written
  bool protect_writes_user = false;  ///< and at CPL 3
  bool protect_all = false;          ///< so does a load from a page without slot
  bool msr_exits = false;
  bool operator==(const HostAbilities&) const = default;
};

/// Runs the micro-guests; some 3 ms, and 20 ms more for the VM with interrupt chips, so call it beside other work.
/// Throws HostError when KVM can't make a VM at all.
HostAbilities probe(const System& system);

/// One ability for people and scripts.
struct AbilityRow {
  std::string_view key;  ///< stable name, for --json
  std::string value;     ///< "yes", "no", "debug exit", …
  bool good;             ///< as on VT-x
  std::string meaning;   ///< what it means for the user of gdb, on this host
};
std::vector<AbilityRow> describe(const HostAbilities& abilities);

}  // namespace vmm::kvm
