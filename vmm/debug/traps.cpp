#include "vmm/debug/traps.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>
#include <span>
#include <vector>

#include "vmm/cpu/page_walk.hpp"
#include "vmm/debug/interrupt_frame.hpp"

namespace vmm {

Hit hit_of(const Breakpoint& row, std::optional<CpuState> state) {
  using enum gdb::StopReason;
  // In the order of gdb::BreakpointType.
  constexpr std::array kReasons{kSoftwareBreakpoint, kHardwareBreakpoint, kWriteWatch, kReadWatch, kAccessWatch};
  const std::uint64_t address = is_watch(row.spec) ? row.spec.address : 0;
  return {kReasons.at(static_cast<std::size_t>(row.spec.type)), address, std::move(state), row.spec};
}

namespace {

constexpr std::uint8_t kVectorDb = 1;
constexpr std::uint8_t kVectorBp = 3;
constexpr std::byte kInt3{0xcc};

/// What the user has at this address.
std::optional<Verdict> user_breakpoint(const TrapContext& context, const CpuState& state, std::uint64_t linear,
                                       const std::optional<CpuState>& moved = std::nullopt) {
  if (const Breakpoint* row = context.plan.at(linear)) return hit_of(*row, moved);
  const Breakpoint* row = context.plan.caught_at(linear);
  if (row == nullptr || moved) return {};
  return Caught{tell_exception(*row->catchpoint, state, context.memory)};
}

/// A trap of ours lies at `linear`: the user's breakpoint, or another name of the same byte. Empty: not ours.
std::optional<Verdict> planted(const CpuState& state, std::uint64_t linear, const TrapContext& context,
                               std::optional<CpuState> moved = std::nullopt) {
  if (!context.planted) return {};
  const auto place = walk(state, context.memory, linear);
  if (!place || !context.plan.plants(place->physical)) return {};
  if (auto verdict = user_breakpoint(context, state, linear, moved)) return verdict;
  return GoOn{.step_over = true, .state = std::move(moved)};
}

/// At the entry of the guest's #DB or #BP handler, which user mode fell into because of us.
std::optional<Verdict> user_hook(const CpuState& state, const TrapContext& context) {
  const std::uint64_t pc = linear_pc(state);
  const bool at_debug = context.hooks.debug_handler == pc;
  const bool at_breakpoint = context.hooks.breakpoint_handler == pc;
  if (!at_debug && !at_breakpoint) return {};
  const auto frame = frame_at(state, context.memory, state.gpr[kRsp]);
  if (frame && frame->from_user()) {
    if (auto user = return_to_user(state, context.memory, *frame)) {
      user->rflags &= ~kRflagsTf;
      if (at_debug && context.stepping) return StepDone{*user};
      user->rip -= 1;  // #BP is reported behind the int3
      if (at_breakpoint) {
        if (auto verdict = planted(*user, user->rip, context, *user)) return verdict;
      }
    }
  }
  // The register that hit is none of the plan's, but the user may have something there, too.
  if (auto verdict = user_breakpoint(context, state, pc)) return verdict;
  return GoOn{.step_over = true};
}

/// A trap of ours in memory, be it on that handler. Empty: not ours.
std::optional<Verdict> planted_or_hook(const CpuState& state, const TrapContext& context) {
  auto verdict = planted(state, linear_pc(state), context);
  if (!verdict) return {};
  auto hooked = user_hook(state, context);
  return hooked ? hooked : verdict;
}

Verdict interpret_debug(const DebugTrap& trap, const CpuState& state, const TrapContext& context) {
  const std::uint64_t pc = linear_pc(state);
  if (trap.exception == kVectorBp) {
    if (auto verdict = planted_or_hook(state, context)) return *verdict;
    return GoOn{.exception = kVectorBp};
  }
  if (context.stepping && std::ranges::find(context.hooks.step_ends_at, pc) != context.hooks.step_ends_at.end()) {
    return StepDone{};
  }
  if (auto verdict = user_hook(state, context)) return *verdict;
  for (std::size_t i = 0; i < Plan::kRegisters; ++i) {
    if ((trap.dr6 >> i & 1U) == 0) continue;
    if (const Breakpoint* row = context.plan.watch_of_register(i)) return hit_of(*row);
  }
  if (context.stepping) return StepDone{};
  const auto& registers = context.plan.registers;
  const bool execute = std::ranges::any_of(registers, [&](const auto& row) {
    return row && row->kind == kvm::DebugRegister::Kind::kExecute && row->address == pc;
  });
  if (execute) {
    if (auto verdict = user_breakpoint(context, state, pc)) return *verdict;
  }
  // The guest's own #DB: it set TF or uses debug registers itself.
  std::uint64_t others = trap.dr6 & (DebugTrap::kSingleStep | DebugTrap::kRegisters);
  for (std::size_t i = 0; i < Plan::kRegisters; ++i) {
    if (registers.at(i)) others &= ~(std::uint64_t{1} << i);
  }
  if (others != 0) return GoOn{.exception = kVectorDb, .dr6 = others};
  return GoOn{};
}

Verdict interpret_failure(const EmulationFailure& failure, const CpuState& state, const TrapContext& context) {
  const std::uint64_t pc = linear_pc(state);
  if (auto verdict = planted_or_hook(state, context)) return *verdict;
  std::vector<std::byte> bytes = failure.bytes;
  if (bytes.empty()) {
    bytes.resize(15);
    bytes.resize(read_linear(state, context.memory, pc, bytes));
  }
  if (!bytes.empty() && bytes[0] == kInt3) {
    // The guest's own int3, which such a host does not deliver: #BP is a trap, so rip is behind it (SDM 3A 6.15).
    CpuState behind = state;
    behind.rip += 1;
    return GoOn{.exception = kVectorBp, .state = behind};
  }
  std::vector<unsigned> numbers;
  for (std::byte byte : bytes) numbers.push_back(std::to_integer<unsigned>(byte));
  return Crash{gdb::Signal::kIllegal,
               fmt::format("this host's KVM cannot execute the instruction at {:#x} ({}); its bytes: {:02x}", pc,
                           name_of(mode_of(state)), fmt::join(numbers, " "))};
}

}  // namespace

Crash crash_of(const HostFault& fault, const CpuState& state) {
  return {gdb::Signal::kAbort, fmt::format("the host cannot run the guest at {:#x}: {}", linear_pc(state), fault.text)};
}

Verdict interpret(const StopCause& cause, const CpuState& state, const TrapContext& context) {
  struct Visitor {
    const CpuState& state;
    const TrapContext& context;
    Verdict operator()(const Interrupted&) const { return Parked{}; }
    Verdict operator()(const DebugTrap& trap) const { return interpret_debug(trap, state, context); }
    Verdict operator()(const EmulationFailure& failure) const { return interpret_failure(failure, state, context); }
    Verdict operator()(const TripleFault&) const {
      const Catchpoint* catchpoint = context.plan.catchpoint(Catchpoint::Kind::kTripleFault);
      return Crash{
          gdb::Signal::kSegv,
          fmt::format("triple fault at {:#x} ({}, CPL {}): an exception found no handler (IDT base {:#x} limit "
                      "{:#x}, CR2 {:#x}); registers are as at the fault",
                      linear_pc(state), name_of(mode_of(state)), cpl_of(state), state.idt.base, state.idt.limit,
                      state.cr2),
          catchpoint == nullptr ? std::string() : tell(*catchpoint, state)};
    }
    Verdict operator()(const HostFault& fault) const { return crash_of(fault, state); }
    Verdict operator()(const MachineRequest& request) const { return request; }
    Verdict operator()(const StackOnPage& stack) const { return stack; }
    Verdict operator()(const OutOfDate& news) const { return news; }
    Verdict operator()(const WatchedAccess& access) const {
      if (access.id < Plan::kCatchIds) return hit_of(context.plan.rows.at(access.id));
      const auto& rows = context.plan.catchpoints;
      const auto row = std::ranges::find(rows, access.id - Plan::kCatchIds, &Catchpoint::number);
      return row == rows.end() ? Verdict{GoOn{}} : Caught{tell(**row, state, access)};
    }
  };
  return std::visit(Visitor{state, context}, cause);
}

}  // namespace vmm
