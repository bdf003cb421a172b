/// The user's breakpoints and watchpoints, and how each is armed while the guest runs.
///
/// Armed only while running: arm() at each resume, disarm() when all vCPUs are parked, so that memory as gdb reads it
/// never holds a byte of ours. arm() chooses the mechanism anew each time, by what the host can do
/// (kvm::HostAbilities):
///   debug register  exact whatever happens to memory, so it serves first what is not mapped yet
///   memory          int3, or icebp where only that comes back to us; at the physical address the guest's paging gives
///   or,
///                   before it is mapped, at the one the image's segments promise
/// What fits neither waits: needs_another_look() says when arming again may help.
///
/// Thread: I/O.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <future>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gdbstub/target.hpp"
#include "vmm/cpu/cpu_state.hpp"
#include "vmm/kvm/probes.hpp"
#include "vmm/kvm/vcpu.hpp"
#include "vmm/memory/guest_memory.hpp"

namespace vmm {

/// The probes' answer, which may still be on its way when the machine is built; the first use waits for it.
using HostAbilitiesFuture = std::shared_future<kvm::HostAbilities>;

/// Where an image's segment will be once the guest has mapped it: link address → guest-physical.
struct LinkHint {
  std::uint64_t link;
  std::uint64_t size;
  std::uint64_t physical;
};

struct Breakpoint {
  enum class Mechanism : std::uint8_t { kWaiting, kDebugRegister, kMemory };
  /// How often it was run into. gdb takes breakpoints out at each stop, so these outlive remove().
  struct Counts {
    std::uint64_t hits = 0;
    std::uint64_t passes = 0;  ///< its condition did not hold
  };
  gdb::BreakpointSpec spec;
  gdb::BreakpointActions actions;
  Mechanism mechanism = Mechanism::kWaiting;
  // Of kMemory, while armed:
  std::uint64_t physical = 0;
  std::byte trap{};
  std::byte original{};
  bool promised = false;  ///< placed by a LinkHint, not by the guest's paging
};

class Breakpoints {
 public:
  static constexpr std::size_t kRegisters = 4;

  Breakpoints(HostAbilitiesFuture host, std::vector<LinkHint> hints);
  /// The machine's memory; anew after each reset, while nothing is armed. The breakpoints stay.
  void use(GuestMemory& memory) { memory_ = &memory; }

  /// Idempotent; the actions are those of the last one. The error says what this host, or the CPU, lacks.
  gdb::Result<void> insert(const gdb::BreakpointSpec& spec, gdb::BreakpointActions actions = {});
  void remove(const gdb::BreakpointSpec& spec);
  void clear();
  bool empty() const { return rows_.empty(); }

  /// `states`: the parked vCPUs, whose page tables are asked in turn.
  void arm(std::span<const CpuState* const> states);
  void disarm();

  /// While armed, what each vCPU's debug registers shall be.
  const std::array<std::optional<kvm::DebugRegister>, kRegisters>& registers() const { return registers_; }
  bool any_in_memory() const;
  bool any_watch() const;
  /// Of all but watchpoints, linear.
  std::vector<std::uint64_t> addresses() const;
  /// While armed: something waits to be mapped, was placed on a promise, or was overwritten by the guest.
  bool needs_another_look() const;
  /// A breakpoint that KVM's int3 exit can't see in user mode is planted on a user page.
  bool user_traps() const { return user_traps_; }

  /// A breakpoint (not a watchpoint) at this linear address.
  const Breakpoint* at(std::uint64_t linear) const;
  /// What was planted at this physical address, also after disarm().
  const Breakpoint* planted_at(std::uint64_t physical) const;
  /// The watchpoint whose debug register is number `index`.
  const Breakpoint* watch_of_register(std::size_t index) const;

  /// As armed last. gdb removes all at each stop, so what is inserted now tells a user little.
  std::span<const Breakpoint> last_armed() const { return last_armed_; }
  /// Since clear().
  Breakpoint::Counts& counts(const gdb::BreakpointSpec& spec) { return counts_[{spec.type, spec.address}]; }

 private:
  struct Place {
    std::uint64_t physical;
    bool user;  // or, when promised, in the half of the address space where user mode lives
    bool promised;
    bool paged;
  };
  std::optional<Place> place_of(std::uint64_t linear, std::span<const CpuState* const> states) const;
  std::optional<std::byte> trap_for(const Place& place) const;
  bool behind_stack_load(const Place& place) const;
  bool give_register(Breakpoint& row, kvm::DebugRegister wanted);
  void plant(Breakpoint& row, const Place& place, std::byte trap);
  std::size_t registers_needed() const;

  const kvm::HostAbilities& host() const { return host_.get(); }

  GuestMemory* memory_ = nullptr;
  HostAbilitiesFuture host_;
  std::vector<LinkHint> hints_;
  std::vector<Breakpoint> rows_;
  std::vector<Breakpoint> last_armed_;
  std::map<std::pair<gdb::BreakpointType, std::uint64_t>, Breakpoint::Counts> counts_;
  std::array<std::optional<kvm::DebugRegister>, kRegisters> registers_{};
  std::array<const Breakpoint*, kRegisters> owner_{};
  bool armed_ = false;
  bool user_traps_ = false;
};

}  // namespace vmm
