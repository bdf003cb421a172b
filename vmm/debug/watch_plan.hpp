/// How each watchpoint of a plan is served: debug registers where they do, else protected pages, else stepping and
/// comparing.
///
/// Thread: I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "vmm/cpu/cpu_state.hpp"
#include "vmm/debug/plan.hpp"
#include "vmm/kvm/probes.hpp"
#include "vmm/memory/guest_memory.hpp"

namespace vmm {

struct WatchContext {
  const kvm::HostAbilities& host;
  const GuestMemory& memory;
  std::span<const CpuState* const> states;
  std::span<const CpuState> roots;        ///< states with every CR3 that was seen
  const std::set<std::uint64_t>& stacks;  ///< pages where stacks were found, in vain protected
};

/// Fills in mechanism, pieces and why of the plan's watchpoints, its data registers, ranges and pages.
void plan_watchpoints(Plan& plan, const WatchContext& context);

/// No debug register fires for an access that leaves the guest: what one watches on a page that is protected for
/// something else is looked for there, too.
void cover_protected_pages(Plan& plan);

/// The debug registers that a range takes: aligned pieces of 1, 2, 4 or 8 bytes (SDM 3B 18.2.5); at most one more than
/// there are.
std::vector<kvm::DebugRegister> registers_for(kvm::DebugRegister::Kind kind, std::uint64_t first, std::uint64_t size);

/// Guest-physical pages that must not be protected, each with what it holds: the CPU itself writes to stacks and page
/// tables, and such a write can't leave the guest.
struct HeldPage {
  std::uint64_t physical;
  std::string what;
};
std::vector<HeldPage> pages_of_the_cpu(const WatchContext& context);
/// What of the CPU's a page holds: one of `held`, or a stack by its look, which is full of return addresses.
std::optional<std::string> holder_of(std::uint64_t page, const WatchContext& context, std::span<const HeldPage> held);

}  // namespace vmm
