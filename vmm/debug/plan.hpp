/// What is armed while the guest runs: a snapshot of the user's breakpoints, watchpoints and catchpoints with the
/// mechanism that serves each, chosen anew at each resume by what the host can do (kvm::HostAbilities).
///
/// Thread: made by the I/O thread, then read by all; the counts and the watched values change, and guard themselves.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <ranges>
#include <string>
#include <vector>

#include "gdbstub/target.hpp"
#include "vmm/cpu/page_walk.hpp"
#include "vmm/debug/catchpoints.hpp"
#include "vmm/kvm/vcpu.hpp"
#include "vmm/machine/access_watch.hpp"
#include "vmm/memory/guest_memory.hpp"
#include "vmm/memory/planted_bytes.hpp"

namespace vmm {

struct Breakpoint {
  enum class Mechanism : std::uint8_t {
    kWaiting,        ///< for its address to be mapped
    kDebugRegister,  ///< exact whatever happens to memory, so it serves first what is not mapped yet
    kMemory,         ///< int3, or icebp where only that comes back to us
    kPage,           ///< its pages are protected: accesses leave the guest
    kCompare,        ///< every CPU is stepped, and looked at after each instruction
  };
  /// How often it was run into. gdb takes breakpoints out at each stop, so these outlive it.
  struct Counts {
    std::atomic<std::uint64_t> hits = 0;
    std::atomic<std::uint64_t> passes = 0;  ///< its condition did not hold
  };
  /// Where a byte of ours is planted.
  struct Place {
    std::uint64_t physical = 0;
    bool user = false;      ///< a user page; or, when promised, in the half of the address space where user mode lives
    bool promised = false;  ///< by a LinkHint, not by the guest's paging
    bool awaited = false;   ///< promised, and the code is still to come (LinkHint)
    bool paged = false;
    bool writable = false;  ///< by the guest, as far as its paging says
    bool operator==(const Place&) const = default;
  };

  gdb::BreakpointSpec spec;
  std::shared_ptr<const gdb::BreakpointActions> actions;
  std::shared_ptr<Counts> counts;
  std::shared_ptr<Catchpoint> catchpoint;  ///< the entry of a handler is watched for it; else the user's breakpoint
  bool ours = false;                       ///< or it only lets something else be seen
  Mechanism mechanism = Mechanism::kWaiting;
  std::string why;                  ///< of kPage and kCompare: why not a debug register
  std::vector<Place> places;        ///< of kMemory, one for each page that the address means
  std::byte trap{};                 ///< of kMemory
  std::vector<LinearPiece> pieces;  ///< of a watchpoint that is mapped

  bool users() const { return catchpoint == nullptr && !ours; }
};

/// The half of the address space where user mode lives.
inline bool is_user_half(std::uint64_t linear) { return (linear >> 63U) == 0; }
inline bool is_watch(const gdb::BreakpointSpec& spec) { return spec.type >= gdb::BreakpointType::kWriteWatch; }
inline bool watches_reads(const gdb::BreakpointSpec& spec) { return spec.type > gdb::BreakpointType::kWriteWatch; }

/// Where the code lies that this address names for the vCPU, in memory. `moves`: the image says that it does not lie at
/// its own address. Empty: not there yet.
std::optional<PageWalkResult> code_at(const CpuState& state, const GuestMemory& memory, std::uint64_t linear,
                                      bool moves);

/// The bytes of the watchpoints, remembered to see what changes; a trap of ours that is planted among them is no
/// change.
class WatchedValues {
 public:
  WatchedValues(const GuestMemory& memory, const PlantedBytes& planted, const std::vector<Breakpoint>& rows);
  /// The first row whose bytes are not what they were, which they are from now on; each change is told to one caller.
  std::optional<std::size_t> changed(const std::vector<Breakpoint>& rows);
  /// The same of one row.
  bool changed(const std::vector<Breakpoint>& rows, std::size_t index);

 private:
  std::vector<std::byte> now(const Breakpoint& row) const;
  const GuestMemory& memory_;
  const PlantedBytes& planted_;
  std::mutex mutex_;
  std::vector<std::vector<std::byte>> values_;
};

struct Plan {
  static constexpr std::size_t kRegisters = 4;
  /// Ids of AccessWatch::Range from here on are numbers of catchpoints; below, indices of rows.
  static constexpr unsigned kCatchIds = 1U << 24U;
  using Registers = std::array<std::optional<kvm::DebugRegister>, kRegisters>;

  std::vector<Breakpoint> rows;
  Registers registers{};
  /// Of each register, the rows it serves; with more than one, or when it covers more than they watch, `compared`.
  std::array<std::vector<std::size_t>, kRegisters> owners{};
  std::array<bool, kRegisters> compared{};
  std::vector<std::shared_ptr<Catchpoint>> catchpoints;
  std::vector<AccessWatch::Range> ranges;
  std::vector<kvm::ProtectedPage> pages;
  std::optional<std::uint64_t> cr3_filter;  ///< of `monitor break-filter`
  std::shared_ptr<WatchedValues> values;
  bool user_traps = false;    ///< a breakpoint that KVM's int3 exit can't see in user mode lies on a user page
  bool user_matters = false;  ///< with `trace`: there is something to be seen in user mode
  bool trace = false;         ///< every CPU is stepped, and nothing is planted

  /// The user's breakpoints (not watchpoints) at this linear address: a `break` and an `hbreak` may share it.
  auto all_at(std::uint64_t linear) const {
    return rows | std::views::filter([linear](const Breakpoint& row) {
             return !is_watch(row.spec) && row.users() && row.spec.address == linear;
           });
  }
  /// The first of them.
  const Breakpoint* at(std::uint64_t linear) const;
  /// The catchpoint whose handler begins there.
  const Breakpoint* caught_at(std::uint64_t linear) const;
  bool plants(std::uint64_t physical) const;
  /// The page of this guest-physical address is protected.
  bool protects(std::uint64_t physical) const;
  bool any_in_memory() const;
  /// A trap was laid on this guest-physical page on a promise, and this vCPU's paging says otherwise by now.
  bool promise_ended(std::uint64_t physical, const CpuState& state, const GuestMemory& memory) const;
  bool any_watch() const;
  /// The data watchpoints alone.
  Registers watch_registers() const;
  /// The watchpoint that fired debug register `index`; null when it serves none, or nothing that it serves changed.
  const Breakpoint* watch_of_register(std::size_t index) const;
  const Catchpoint* catchpoint(Catchpoint::Kind kind) const;
  /// A breakpoint there counts in this address space.
  bool counts_in(std::uint64_t linear, std::uint64_t cr3) const;
};

/// Its mechanism in words.
std::string describe(const Breakpoint& row);

}  // namespace vmm
