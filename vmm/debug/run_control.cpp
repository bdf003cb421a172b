#include "vmm/debug/run_control.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "vmm/base/errors.hpp"
#include "vmm/cpu/page_walk.hpp"
#include "vmm/debug/interrupt_frame.hpp"

namespace vmm {

RunControl::RunControl(Machine& machine, Breakpoints& breakpoints, HostAbilitiesFuture host, RunOwner& owner)
    : machine_(machine), breakpoints_(breakpoints), host_(std::move(host)), owner_(owner) {
  slots_.resize(machine.vcpu_count());
  for (unsigned i = 0; i < slots_.size(); ++i) slots_[i].state = machine.initial_state(i);
}

void RunControl::set_state(unsigned vcpu, const CpuState& state, bool moved) {
  Slot& slot = slots_.at(vcpu);
  slot.state = state;
  slot.dirty = true;
  if (!moved) return;
  slot.wake = true;
  slot.at_breakpoint = false;
}

void RunControl::adopt_state(unsigned vcpu, const CpuState& state, bool moved) {
  set_state(vcpu, state, moved);
  slots_.at(vcpu).dirty = false;
}

void RunControl::start(std::span<const Order> orders) {
  VMM_CHECK(!running_ && orders.size() == slots_.size());
  running_ = true;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    slots_[i].verb = orders[i].verb;
    slots_[i].range = orders[i].range;
  }
  advance();
}

void RunControl::stop(gdb::StopEvent event) {
  VMM_CHECK(running_);
  wanted_ = std::move(event);
  ask_to_park();
}

void RunControl::rearm() {
  VMM_CHECK(running_);
  ask_to_park();
}

void RunControl::check_halted() {
  VMM_CHECK(running_);
  check_halted_ = true;
  ask_to_park();
}

void RunControl::ask_to_park() {
  if (std::exchange(parking_, true)) return;
  for (unsigned i = 0; i < slots_.size(); ++i) {
    if (!slots_[i].parked) machine_.vcpu(i).request_stop();
  }
}

bool RunControl::all_parked() const { return std::ranges::all_of(slots_, &Slot::parked); }

void RunControl::report(const StopReport& report) {
  Slot& slot = slots_.at(report.vcpu);
  VMM_CHECK(!slot.parked);
  slot.parked = true;
  slot.state = report.state;
  if (slot.stepping) {
    if (report.stepped_from) slot.launched = *report.stepped_from;
    slot.state = without_step_flag(slot.launched, slot.state, machine_.memory());
    slot.dirty = slot.state != report.state;
  }
  StopCause cause = report.cause;
  if (auto* trap = std::get_if<DebugTrap>(&cause); trap != nullptr && step_flag_loose_ && !slot.stepping &&
                                                   (trap->dr6 & DebugTrap::kSingleStep) != 0 &&
                                                   (slot.state.rflags & kRflagsTf) != 0) {
    trap->dr6 &= ~DebugTrap::kSingleStep;
    slot.state.rflags &= ~kRflagsTf;
    slot.dirty = true;
  }
  const TrapContext context{.breakpoints = breakpoints_,
                            .memory = machine_.memory(),
                            .host = host(),
                            .hooks = slot.hooks,
                            .stepping = slot.stepping};
  judge(report.vcpu, interpret(cause, slot.state, context));
  if (event_ || crash_ || request_ || slot.step_over) ask_to_park();
  if (all_parked()) return advance();
  // Its detour is over before the others even heard of it.
  if (!parking_ && slot.parked && slot.verb != Verb::kStay) launch(report.vcpu, slot.verb == Verb::kStep, true);
}

void RunControl::judge(unsigned vcpu, const Verdict& verdict) {
  Slot& slot = slots_[vcpu];
  const auto adopt = [&](const std::optional<CpuState>& state) {
    if (!state) return;
    slot.state = *state;
    slot.dirty = true;
  };
  if (const auto* go_on = std::get_if<GoOn>(&verdict)) {
    adopt(go_on->state);
    slot.exception = go_on->exception;
    slot.step_over = slot.step_over || go_on->step_over;
  } else if (const auto* done = std::get_if<StepDone>(&verdict)) {
    adopt(done->state);
    slot.step_over = slot.at_breakpoint = false;
    if (slot.verb == Verb::kStep && !event_) judge_step(vcpu);
  } else if (const auto* hit = std::get_if<Hit>(&verdict)) {
    adopt(hit->state);
    slot.step_over = false;
    judge_hit(vcpu, *hit);
  } else if (const auto* crash = std::get_if<Crash>(&verdict)) {
    slot.step_over = false;
    if (!crash_) crash_ = std::pair(vcpu, *crash);
  } else if (const auto* request = std::get_if<MachineRequest>(&verdict)) {
    if (!request_) request_ = *request;
  }
}

void RunControl::judge_hit(unsigned vcpu, const Hit& hit) {
  Slot& slot = slots_[vcpu];
  // A second CPU's hit, while the first is told, is told when it runs into the same trap again.
  slot.at_breakpoint = false;
  if (event_) return;
  const bool watch = hit.reason >= gdb::StopReason::kWriteWatch;
  const Breakpoint* row = watch ? nullptr : breakpoints_.at(linear_pc(slot.state));
  const HitVerdict verdict = row == nullptr ? HitVerdict{} : owner_.hit(vcpu, *row);
  if (!verdict.stops) {
    slot.step_over = true;
    return;
  }
  slot.at_breakpoint = !watch;
  event_ = event_of(vcpu, hit.reason, gdb::Signal::kTrap, hit.address);
  event_->console = verdict.why;
}

/// A step that was asked for has ended: is the whole way done?
void RunControl::judge_step(unsigned vcpu) {
  Slot& slot = slots_[vcpu];
  const std::uint64_t pc = linear_pc(slot.state);
  if (!slot.range || !slot.range->contains(pc)) {
    event_ = event_of(vcpu, gdb::StopReason::kSignal, gdb::Signal::kTrap);
  } else if (const Breakpoint* row = breakpoints_.at(pc)) {
    judge_hit(vcpu, hit_of(*row));
  }
}

gdb::StopEvent RunControl::event_of(unsigned vcpu, gdb::StopReason reason, gdb::Signal signal,
                                    std::uint64_t address) const {
  gdb::StopEvent event;
  event.thread = vcpu + 1;
  event.reason = reason;
  event.signal = signal;
  event.address = address;
  return event;
}

/// All are parked: what next?
void RunControl::advance() {
  breakpoints_.disarm();
  parking_ = false;
  const bool check_halted = std::exchange(check_halted_, false);
  auto wanted = std::exchange(wanted_, std::nullopt);
  if (request_) {
    running_ = false;
    event_.reset();
    crash_.reset();
    return owner_.requested(*std::exchange(request_, std::nullopt));
  }
  if (crash_) {
    running_ = false;
    event_.reset();
    const auto crash = *std::exchange(crash_, std::nullopt);
    return owner_.crashed(crash.first, crash.second);
  }
  if (!event_) event_ = std::move(wanted);
  if (!event_ && check_halted && nothing_wakes_it()) {
    running_ = false;
    return owner_.halted_for_ever();
  }
  if (event_) {
    running_ = false;
    return owner_.stopped(*std::exchange(event_, std::nullopt));
  }
  if (!run_one_alone()) run_together();
}

bool RunControl::alone_wanted(const Slot& slot) const {
  if (slot.verb == Verb::kStay) return false;
  if (slot.step_over) return true;
  if (slot.at_breakpoint && breakpoints_.at(linear_pc(slot.state)) != nullptr) return true;
  // A lone stepper needs nothing armed but watchpoints: the step ends before anything else could be hit.
  return slot.verb == Verb::kStep && !breakpoints_.any_watch() &&
         std::ranges::count_if(slots_, [](const Slot& other) { return other.verb != Verb::kStay; }) == 1;
}

bool RunControl::run_one_alone() {
  for (unsigned i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    if (!alone_wanted(slot)) continue;
    if (auto stepped = step_in_software(slot.state)) {
      judge(i, StepDone{*stepped});
      advance();
    } else {
      launch(i, true, false);
    }
    return true;
  }
  return false;
}

void RunControl::run_together() {
  std::vector<const CpuState*> states;
  for (const Slot& slot : slots_) states.push_back(&slot.state);
  breakpoints_.arm(states);
  for (unsigned i = 0; i < slots_.size(); ++i) {
    if (slots_[i].verb != Verb::kStay) launch(i, slots_[i].verb == Verb::kStep, true);
  }
}

void RunControl::launch(unsigned vcpu, bool step, bool armed) {
  Slot& slot = slots_[vcpu];
  RunOrder order;
  if (slot.dirty) order.state = slot.state;
  order.wake = slot.wake;
  order.exception = std::exchange(slot.exception, std::nullopt);
  order.debug.step = step;
  order.debug.block_interrupts = block_interrupts;
  order.debug.trap_debug = step_flag_loose_ || (slot.stepping && host().stale_step);
  if (armed) {
    order.debug.registers = breakpoints_.registers();
    order.debug.trap_int3 = breakpoints_.any_in_memory();
  }
  const auto watch = [&](std::uint64_t address) {
    const auto free = std::ranges::find_if(order.debug.registers, [](const auto& row) { return !row; });
    if (free != order.debug.registers.end()) *free = kvm::DebugRegister{.address = address};
  };
  const auto hook = [&](unsigned vector, std::optional<std::uint64_t>& address) {
    address = handler_of(slot.state, machine_.memory(), vector);
    if (address) watch(*address);
  };
  slot.hooks = {};
  if (step && !host().step_enters_handlers) {
    slot.hooks.step_ends_at = side_addresses(vcpu);
    for (const auto& address : slot.hooks.step_ends_at) {
      if (address) watch(*address);
    }
  }
  if (step && !host().step_user && cpl_of(slot.state) == 3) hook(1, slot.hooks.debug_handler);
  if (armed && breakpoints_.user_traps()) hook(3, slot.hooks.breakpoint_handler);
  const bool interruptible = !(block_interrupts && host().block_interrupts) && (slot.state.rflags & kRflagsIf) != 0;
  if (step && interruptible && (slot.state.rflags & kRflagsTf) == 0) step_flag_loose_ = true;
  if (step && slot.verb == Verb::kStep && slot.range) order.another_step = range_stepper(slot, armed);
  slot.stepping = step;
  slot.launched = slot.state;
  slot.dirty = slot.wake = slot.parked = false;
  machine_.vcpu(vcpu).run(std::move(order));
}

/// Whether a step in the range may follow another without a look by us: nothing about it is special.
std::function<bool(const CpuState&)> RunControl::range_stepper(const Slot& slot, bool armed) const {
  // Armed, the CPU would trip over a breakpoint's byte or register at its first instruction.
  if (armed || (!host().step_user && cpl_of(slot.state) == 3)) return {};
  std::vector<std::uint64_t> breakpoints = breakpoints_.addresses();
  return [breakpoints = std::move(breakpoints), range = *slot.range, from = slot.state,
          exits = side_exits(slot.state, machine_.memory()), hooked = !host().step_enters_handlers,
          &memory = machine_.memory()](const CpuState& state) {
    const std::uint64_t pc = linear_pc(state);
    if (!range.contains(pc) || std::ranges::find(breakpoints, pc) != breakpoints.end()) return false;
    if (state.segments != from.segments || state.idt != from.idt || state.cr0 != from.cr0 || state.cr3 != from.cr3) {
      return false;
    }
    return step_is_plain(state, memory) && (!hooked || side_exits(state, memory) == exits);
  };
}

/// Where the step of a CPU may end, beside behind its instruction: the CPU clears TF on the way into a handler, so by
/// itself it would stop only when that has returned (SDM 3B 18.3.1.4).
std::array<std::optional<std::uint64_t>, 4> RunControl::side_addresses(unsigned vcpu) {
  const CpuState& state = slots_[vcpu].state;
  const SideExits exits = side_exits(state, machine_.memory());
  std::array<std::optional<std::uint64_t>, 4> found;
  auto next = found.begin();
  const auto add = [&](std::optional<std::uint64_t> address) {
    if (!address || *address == linear_pc(state) || std::ranges::find(found, address) != found.end()) return;
    *next++ = address;
  };
  if (exits.entry_msr) add(machine_.vcpu(vcpu).call([&](kvm::Vcpu& cpu) { return cpu.msr(*exits.entry_msr); }));
  for (unsigned vector : exits.vectors) add(handler_of(state, machine_.memory(), vector));
  return found;
}

/// IRETQ to user mode, on hosts where a step over it would lose control.
std::optional<CpuState> RunControl::step_in_software(const CpuState& state) const {
  if (host().step_user || mode_of(state) != CpuMode::kLong64 || cpl_of(state) != 0) return {};
  constexpr std::array kIretq{std::byte{0x48}, std::byte{0xcf}};
  std::array<std::byte, 2> bytes{};
  if (read_linear(state, machine_.memory(), linear_pc(state), bytes) != bytes.size() || bytes != kIretq) return {};
  const auto frame = frame_at(state, machine_.memory(), state.gpr[kRsp]);
  return frame ? return_to_user(state, machine_.memory(), *frame) : std::nullopt;
}

bool RunControl::nothing_wakes_it() {
  for (unsigned i = 0; i < slots_.size(); ++i) {
    switch (machine_.vcpu(i).call([](kvm::Vcpu& vcpu) { return vcpu.activity(); })) {
      case kvm::Vcpu::Activity::kRunning: return false;
      case kvm::Vcpu::Activity::kHalted:
        if ((slots_[i].state.rflags & kRflagsIf) != 0) return false;
        break;
      case kvm::Vcpu::Activity::kWaitingForSipi: break;
    }
  }
  return true;
}

}  // namespace vmm
