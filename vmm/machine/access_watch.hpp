/// The guest's accesses that a debugger wants to hear of: to memory, by pages that are protected (kvm::Vm::protect) and
/// served here; to ports, device memory and MSRs, beside what serves them; and what devices write to memory, which no
/// page and no debug register shows.
///
/// Thread: set() and protect() the I/O thread's, while no vCPU runs; device_wrote() that one's or a vCPU's, under the
/// Bus lock; the rest the vCPU threads'.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
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
    bool guests = true;   ///< else only what devices do counts
    bool operator==(const Range&) const = default;
  };

  /// Whether the watched bytes of a range are not what they were when this was asked last.
  using Changed = std::function<bool(unsigned id)>;
  /// Whether the page of this guest-physical address would no longer be protected, by what this vCPU's state says.
  using Stale = std::function<bool(std::uint64_t physical, const CpuState& state)>;

  /// `several`: more than one vCPU. `wake`: makes every vCPU leave the guest and come back here.
  AccessWatch(GuestMemory& memory, PlantedBytes& planted, kvm::Vm& vm, bool several, std::function<void()> wake)
      : memory_(memory), planted_(planted), vm_(vm), several_(several), wake_(std::move(wake)) {}

  void set(std::vector<Range> ranges, Changed changed, Stale stale = {});
  /// Cheap when they are protected already.
  void protect(std::vector<kvm::ProtectedPage> pages);
  bool any_page() const { return !pages_.empty(); }
  /// This guest-physical address lies on a protected page.
  bool covers(std::uint64_t physical) const;

  /// Serves an access to a protected page: what the guest writes goes under what is planted. False: it is none.
  bool serve(const kvm::ExitMmio& access, std::optional<WatchedAccess>& seen);
  /// The store to this guest-physical address, which led to `state`, is where the stack pointer is now.
  bool is_push(std::uint64_t physical, const CpuState& state) const;
  bool is_stale(std::uint64_t physical, const CpuState& state) const { return stale_ && stale_(physical, state); }
  /// An access that others serve. The first one seen stays.
  void note(WatchedAccess access, std::optional<WatchedAccess>& seen) const;

  /// A device has written [address, address + size). The vCPU that made it do so sees that; when none did, any.
  void device_wrote(std::uint64_t address, std::size_t size);
  /// Where the calling thread, a vCPU's, looks for what devices have written for it; from now on as long as it lives.
  static void listen(std::optional<WatchedAccess>* seen);
  /// What devices wrote by themselves; true when it is in `seen` now.
  bool take(std::optional<WatchedAccess>& seen);

  Turnstile& turnstile() { return turnstile_; }

 private:
  GuestMemory& memory_;
  PlantedBytes& planted_;
  kvm::Vm& vm_;
  bool several_;
  std::vector<Range> ranges_;
  std::vector<kvm::ProtectedPage> pages_;  // in order
  Turnstile turnstile_;
  Changed changed_;
  Stale stale_;
  std::function<void()> wake_;
  std::mutex mutex_;
  std::optional<WatchedAccess> by_device_;  // guarded by mutex_; nobody has taken it
  std::atomic<bool> any_by_device_ = false;
};

}  // namespace vmm
