/// The guest's accesses that a debugger wants to hear of: to memory, by pages that are protected (kvm::Vm::protect) and
/// served here; to ports, device memory and MSRs, beside what serves them.
///
/// Thread: set() and protect() the I/O thread's, while no vCPU runs; the rest the vCPU threads'.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "vmm/kvm/exit.hpp"
#include "vmm/kvm/vm.hpp"
#include "vmm/machine/stop.hpp"
#include "vmm/machine/turnstile.hpp"
#include "vmm/memory/planted_bytes.hpp"

namespace vmm {

class AccessWatch {
 public:
  struct Range {
    unsigned id = 0;  ///< the owner's name for it
    WatchedAccess::Space space = WatchedAccess::Space::kMemory;
    std::uint64_t first = 0;
    std::uint64_t size = 1;
    bool reads = false;
    bool writes = false;  ///< of memory: when they change something, unless `reads` too
    bool operator==(const Range&) const = default;
  };

  /// `several`: more than one vCPU.
  AccessWatch(GuestMemory& memory, PlantedBytes& planted, kvm::Vm& vm, bool several)
      : memory_(memory), planted_(planted), vm_(vm), several_(several) {}

  void set(std::vector<Range> ranges);
  /// Cheap when they are protected already.
  void protect(std::vector<kvm::ProtectedPage> pages);
  bool any_page() const { return !pages_.empty(); }
  /// This guest-physical address lies on a protected page.
  bool covers(std::uint64_t physical) const;

  /// Serves an access to a protected page: what the guest writes goes under what is planted. False: it is none.
  bool serve(const kvm::ExitMmio& access, std::optional<WatchedAccess>& seen);
  /// The store to this guest-physical address, which led to `state`, is where the stack pointer is now.
  bool is_push(std::uint64_t physical, const CpuState& state) const;
  /// An access that others serve. The first one seen stays.
  void note(WatchedAccess access, std::optional<WatchedAccess>& seen) const;

  Turnstile& turnstile() { return turnstile_; }

 private:
  GuestMemory& memory_;
  PlantedBytes& planted_;
  kvm::Vm& vm_;
  bool several_;
  std::vector<Range> ranges_;
  std::vector<kvm::ProtectedPage> pages_;  // in order
  Turnstile turnstile_;
};

}  // namespace vmm
