/// How each watchpoint of a plan is served: debug registers where they do, else protected pages, else stepping and
/// comparing.
///
/// Thread: I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
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

/// Guest-physical pages that must not be protected: the CPU itself writes to stacks and page tables, and such a write
/// can't leave the guest. Found out at the first question, as all page tables are walked for it.
class HeldPages {
 public:
  /// Of this context; what is behind it outlives this.
  explicit HeldPages(const WatchContext& context) : context_(context) {}

  /// What of the CPU's the page holds.
  std::optional<std::string> holder_of(std::uint64_t page);
  /// The same, or a stack by its look, which is full of return addresses.
  std::optional<std::string> likely_holder_of(std::uint64_t page);

 private:
  struct Stack {
    std::uint64_t page;
    std::size_t cpu;
    bool of_interrupts;
  };
  struct Known {
    std::vector<Stack> stacks;
    std::vector<std::uint64_t> tables;  // in order
  };
  Known find() const;

  WatchContext context_;
  std::optional<Known> known_;
  std::map<std::uint64_t, std::optional<std::string>> likely_;
};

/// Fills in mechanism, pieces and why of the plan's watchpoints, its data registers, ranges and pages.
void plan_watchpoints(Plan& plan, const WatchContext& context, HeldPages& held);

/// The debug registers that a range takes: aligned pieces of 1, 2, 4 or 8 bytes (SDM 3B 18.2.5); at most one more than
/// there are.
std::vector<kvm::DebugRegister> registers_for(kvm::DebugRegister::Kind kind, std::uint64_t first, std::uint64_t size);

}  // namespace vmm
