/// The user's breakpoints and watchpoints, and the choice of how each is armed while the guest runs (Plan).
///
/// Armed only while a vCPU runs: plan() and plant() at each resume, lift() when all are parked. What fits no mechanism
/// waits: needs_another_look() says when planning again may help.
///
/// Thread: I/O.
#pragma once

#include <cstdint>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "gdbstub/target.hpp"
#include "vmm/cpu/cpu_state.hpp"
#include "vmm/debug/catchpoints.hpp"
#include "vmm/debug/plan.hpp"
#include "vmm/debug/watch_plan.hpp"
#include "vmm/kvm/probes.hpp"
#include "vmm/memory/planted_bytes.hpp"

namespace vmm {

/// The probes' answer, which may still be on its way when the machine is built; the first use waits for it.
using HostAbilitiesFuture = std::shared_future<kvm::HostAbilities>;

/// Where an image's segment will be once the guest has mapped it: link address → guest-physical.
struct LinkHint {
  std::uint64_t link;
  std::uint64_t size;
  std::uint64_t physical;
  bool awaited = false;  ///< the guest itself is to load or unpack it; until then something else lies there
};

class Breakpoints {
 public:
  Breakpoints(HostAbilitiesFuture host, std::vector<LinkHint> hints);
  /// The machine's memory; anew after each reset, while nothing is armed. The breakpoints stay.
  void use(GuestMemory& memory, PlantedBytes& planted);

  /// Idempotent; the actions are those of the last one. While armed it counts from the next plan() on. The error says
  /// what this host, or the CPU, lacks.
  gdb::Result<void> insert(const gdb::BreakpointSpec& spec, gdb::BreakpointActions actions = {});
  void remove(const gdb::BreakpointSpec& spec);
  bool contains(const gdb::BreakpointSpec& spec) const;
  /// Forgets all: breakpoints, catchpoints, the filter, the counts.
  void clear();
  bool empty() const { return rows_.empty(); }
  /// Something else than where code runs: data, or what a catchpoint catches.
  bool watches() const;

  Catchpoints catchpoints;
  /// Breakpoints in the lower half of the address space count in this address space only.
  std::optional<std::uint64_t> cr3_filter;

  /// What to arm. `states`: the parked vCPUs, whose page tables are asked in turn.
  std::shared_ptr<const Plan> plan(std::span<const CpuState* const> states);
  /// Lays the traps of the last plan() into memory.
  void plant();
  void lift();

  /// Of the last plan: something waits to be mapped, was placed on a promise, or was overwritten by the guest.
  bool needs_another_look();

  /// The guest may give caught exceptions other handlers, stacks and page tables to pages that are protected, or run in
  /// another address space, which only planning anew would notice.
  bool looks_again() const;
  /// A stack lies on this guest-physical page: it is not to be protected.
  void note_stack(std::uint64_t page) { stacks_.insert(page); }
  /// This CPU runs code that lies on a page which could not be fetched from: the code is there already.
  void note_executed(const CpuState& state);

  /// As planned last. gdb removes all at each stop, so what is inserted now tells a user little.
  const Plan& last_plan() const { return *plan_; }
  using CountsByPlace = std::map<std::pair<gdb::BreakpointType, std::uint64_t>, std::shared_ptr<Breakpoint::Counts>>;
  /// Of all since clear().
  const CountsByPlace& counts() const { return counts_; }

 private:
  struct Row {
    gdb::BreakpointSpec spec;
    std::shared_ptr<const gdb::BreakpointActions> actions;
  };
  using States = std::span<const CpuState* const>;
  /// Whose page tables an address is looked for in, each once.
  struct Spaces {
    std::vector<CpuState> present;     ///< the vCPUs'
    std::vector<CpuState> lower_half;  ///< where an address means another page in every address space
  };
  Spaces spaces_of(States states) const;
  std::shared_ptr<Breakpoint::Counts> counts_of(const gdb::BreakpointSpec& spec);
  std::vector<Breakpoint::Place> places_of(std::uint64_t linear, const Spaces& spaces) const;
  std::optional<std::byte> trap_for(const Breakpoint::Place& place) const;
  bool behind_stack_load(const Breakpoint::Place& place) const;
  void place_in_memory(Plan& plan, Breakpoint& row);
  void plan_hardware(Plan& plan, const Spaces& spaces);
  void plan_execution(Plan& plan, States states, const Spaces& spaces);
  void plan_hook(Plan& plan, States states, const Spaces& spaces);
  void plan_catchpoints(Plan& plan, States states) const;
  void protect_writable(Plan& plan, HeldPages& held) const;
  std::set<std::uint64_t> all_handlers(States states) const;
  void remember_root(const CpuState& state);

  const kvm::HostAbilities& host() const { return host_.get(); }

  GuestMemory* memory_ = nullptr;
  PlantedBytes* planted_ = nullptr;
  HostAbilitiesFuture host_;
  std::vector<LinkHint> hints_;
  std::vector<Row> rows_;
  CountsByPlace counts_;
  std::set<std::uint64_t> overwritten_;  // pages whose traps the guest has overwritten
  std::vector<CpuState> roots_;          // one for each CR3 that was seen
  std::set<std::uint64_t> stacks_;       // pages
  std::set<std::uint64_t> executed_;     // pages that were promised and have run
  std::shared_ptr<const Plan> plan_ = std::make_shared<Plan>();
  bool armed_ = false;
};

}  // namespace vmm
