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
  switch (row.spec.type) {
    case gdb::BreakpointType::kSoftware: return {gdb::StopReason::kSoftwareBreakpoint, 0, std::move(state)};
    case gdb::BreakpointType::kHardware: return {gdb::StopReason::kHardwareBreakpoint, 0, std::move(state)};
    case gdb::BreakpointType::kWriteWatch: return {gdb::StopReason::kWriteWatch, row.spec.address, std::move(state)};
    case gdb::BreakpointType::kReadWatch: return {gdb::StopReason::kReadWatch, row.spec.address, std::move(state)};
    case gdb::BreakpointType::kAccessWatch: return {gdb::StopReason::kAccessWatch, row.spec.address, std::move(state)};
  }
  return {gdb::StopReason::kSignal, 0, std::move(state)};
}

namespace {

constexpr std::uint8_t kVectorDb = 1;
constexpr std::uint8_t kVectorBp = 3;
constexpr std::byte kInt3{0xcc};

/// A trap of ours lies at `linear`: the user's breakpoint, or another name of the same byte. Empty: not ours.
std::optional<Verdict> planted(const CpuState& state, std::uint64_t linear, const TrapContext& context,
                               std::optional<CpuState> moved = std::nullopt) {
  const auto place = walk(state, context.memory, linear);
  if (!place || context.breakpoints.planted_at(place->physical) == nullptr) return {};
  if (const Breakpoint* row = context.breakpoints.at(linear)) return hit_of(*row, std::move(moved));
  return GoOn{.step_over = true, .exception = {}, .state = std::move(moved)};
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
  if (context.breakpoints.at(pc) != nullptr) return {};
  return GoOn{.step_over = true, .exception = {}, .state = {}};
}

Verdict interpret_debug(const DebugTrap& trap, const CpuState& state, const TrapContext& context) {
  const std::uint64_t pc = linear_pc(state);
  if (trap.exception == kVectorBp) {
    if (auto verdict = planted(state, pc, context)) return *verdict;
    return GoOn{.step_over = false, .exception = kVectorBp, .state = {}};
  }
  if (context.stepping && std::ranges::find(context.hooks.step_ends_at, pc) != context.hooks.step_ends_at.end()) {
    return StepDone{};
  }
  if (auto verdict = user_hook(state, context)) return *verdict;
  for (std::size_t i = 0; i < Breakpoints::kRegisters; ++i) {
    if ((trap.dr6 >> i & 1U) == 0) continue;
    if (const Breakpoint* row = context.breakpoints.watch_of_register(i)) return hit_of(*row);
  }
  const Breakpoint* row = context.breakpoints.at(pc);
  if (row != nullptr && row->mechanism == Breakpoint::Mechanism::kDebugRegister && !context.stepping)
    return hit_of(*row);
  if (context.stepping) return StepDone{};
  // The guest's own #DB: it set TF or uses debug registers itself.
  if ((trap.dr6 & (DebugTrap::kSingleStep | DebugTrap::kRegisters)) != 0)
    return GoOn{.step_over = false, .exception = kVectorDb, .state = {}};
  return GoOn{};
}

Verdict interpret_failure(const EmulationFailure& failure, const CpuState& state, const TrapContext& context) {
  const std::uint64_t pc = linear_pc(state);
  if (auto verdict = planted(state, pc, context)) return *verdict;
  std::vector<std::byte> bytes = failure.bytes;
  if (bytes.empty()) {
    bytes.resize(15);
    bytes.resize(read_linear(state, context.memory, pc, bytes));
  }
  if (!bytes.empty() && bytes[0] == kInt3) {
    // The guest's own int3, which such a host does not deliver: #BP is a trap, so rip is behind it (SDM 3A 6.15).
    CpuState behind = state;
    behind.rip += 1;
    return GoOn{.step_over = false, .exception = kVectorBp, .state = behind};
  }
  std::vector<unsigned> numbers;
  for (std::byte byte : bytes) numbers.push_back(std::to_integer<unsigned>(byte));
  return Crash{gdb::Signal::kIllegal,
               fmt::format("this host's KVM cannot execute the instruction at {:#x} ({}); its bytes: {:02x}", pc,
                           name_of(mode_of(state)), fmt::join(numbers, " "))};
}

}  // namespace

Verdict interpret(const StopCause& cause, const CpuState& state, const TrapContext& context) {
  struct Visitor {
    const CpuState& state;
    const TrapContext& context;
    Verdict operator()(const Interrupted&) const { return Parked{}; }
    Verdict operator()(const DebugTrap& trap) const { return interpret_debug(trap, state, context); }
    Verdict operator()(const EmulationFailure& failure) const { return interpret_failure(failure, state, context); }
    Verdict operator()(const TripleFault&) const {
      return Crash{
          gdb::Signal::kSegv,
          fmt::format("triple fault at {:#x} ({}, CPL {}): an exception found no handler (IDT base {:#x} limit "
                      "{:#x}, CR2 {:#x}); registers are as at the fault",
                      linear_pc(state), name_of(mode_of(state)), cpl_of(state), state.idt.base, state.idt.limit,
                      state.cr2)};
    }
    Verdict operator()(const HostFault& fault) const {
      return Crash{gdb::Signal::kAbort,
                   fmt::format("the host cannot run the guest at {:#x}: {}", linear_pc(state), fault.text)};
    }
    Verdict operator()(const MachineRequest& request) const { return request; }
  };
  return std::visit(Visitor{state, context}, cause);
}

}  // namespace vmm
