/// What a parked vCPU's stop means to the user: a pure function of the stop, the breakpoints and the host's abilities.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "gdbstub/types.hpp"
#include "vmm/debug/plan.hpp"
#include "vmm/kvm/probes.hpp"
#include "vmm/machine/stop.hpp"

namespace vmm {

/// Addresses of the guest's own handlers on which a debug register waits.
struct HandlerHooks {
  std::array<std::optional<std::uint64_t>, 4> step_ends_at;  ///< of what the instruction being stepped may raise
  // On hosts that lose control in user mode:
  std::optional<std::uint64_t> debug_handler;       ///< #DB: ends a step
  std::optional<std::uint64_t> breakpoint_handler;  ///< #BP: a planted int3
};

/// Not the user's business: the vCPU goes on.
struct GoOn {
  bool step_over = false;                   ///< it stands on a trap of ours, which must be out of the way for one step
  std::optional<std::uint8_t> exception{};  ///< the guest's own, to be delivered
  std::uint64_t dr6 = 0;                    ///< with exception 1: what the guest shall find there
  std::optional<CpuState> state{};          ///< when it differs from the reported one
};
struct StepDone {
  std::optional<CpuState> state;
};
struct Hit {
  gdb::StopReason reason;
  std::uint64_t address = 0;  ///< of a watchpoint
  std::optional<CpuState> state;
  gdb::BreakpointSpec spec{};
};
/// An event that the user catches.
struct Caught {
  std::string text;  ///< a line for the user
};
/// As gdb is told of a hit of this breakpoint or watchpoint.
Hit hit_of(const Breakpoint& row, std::optional<CpuState> state = std::nullopt);
/// The guest can't go on by itself.
struct Crash {
  gdb::Signal signal;
  std::string text;      ///< one line for the user
  std::string caught{};  ///< the line of the catchpoint for it, if there is one
};
Crash crash_of(const HostFault& fault, const CpuState& state);
/// A stop that was asked for.
struct Parked {};
using Verdict = std::variant<Parked, GoOn, StepDone, Hit, Caught, StackOnPage, OutOfDate, Crash, MachineRequest>;

struct TrapContext {
  const Plan& plan;
  const GuestMemory& memory;
  const kvm::HostAbilities& host;
  HandlerHooks hooks;
  bool stepping = false;
  bool planted = true;  ///< the plan's traps are in memory
};

Verdict interpret(const StopCause& cause, const CpuState& state, const TrapContext& context);

}  // namespace vmm
