#include "vmm/debug/run_control.hpp"

#include <algorithm>

#include "vmm/base/errors.hpp"
#include "vmm/cpu/page_walk.hpp"

namespace vmm {

RunControl::RunControl(RunContext& context, Breakpoints& breakpoints, RunOwner& owner)
    : context_(context), machine_(context.machine), breakpoints_(breakpoints), owner_(owner) {
  slots_.resize(machine_.vcpu_count());
  for (unsigned i = 0; i < slots_.size(); ++i) slots_[i].state = machine_.initial_state(i);
}

void RunControl::set_state(unsigned vcpu, const CpuState& state, bool moved) {
  Slot& slot = slots_.at(vcpu);
  slot.state = state;
  slot.dirty = true;
  if (!moved) return;
  slot.wake = true;
  slot.at_breakpoint = slot.get_off = slot.needs_stillness = slot.lifted = false;
  slot.not_told.reset();
}

void RunControl::adopt_state(unsigned vcpu, const CpuState& state, bool moved) {
  set_state(vcpu, state, moved);
  slots_.at(vcpu).dirty = false;
}

std::size_t RunControl::to_run() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(slots_, [](const Slot& slot) { return slot.verb != Verb::kStay; }));
}

bool RunControl::all_parked() const { return std::ranges::all_of(slots_, &Slot::parked); }

void RunControl::debugger_left() {
  non_stop_ = false;
  for (Slot& slot : slots_) {
    slot.stop_wanted.reset();
    slot.not_told.reset();
  }
}

// --- what is asked for -------------------------------------------------------------------------------------

void RunControl::start(std::span<const Order> orders) {
  VMM_CHECK(orders.size() == slots_.size() && (non_stop_ || !running()));
  const bool others_run = !all_parked();
  std::vector<unsigned> begin;
  for (unsigned i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    if (orders[i].verb == Verb::kStay || slot.verb != Verb::kStay) continue;
    slot.verb = orders[i].verb;
    slot.range = orders[i].range;
    begin.push_back(i);
  }
  if (parking_) return;  // they start with the others
  if (!others_run && step_at_once(begin)) return;
  if (!others_run) return advance();
  // Beside others that run on by the same plan, unless it takes their standing still.
  for (const unsigned i : begin) {
    if (alone_wanted(slots_[i])) return ask_to_park();
  }
  for (const unsigned i : begin) launch(i, false);
}

/// True when all that is wanted is one step of one vCPU, and it is done: the vCPU's thread need not hear of it. Waking
/// it and being told costs many times as much.
bool RunControl::step_at_once(std::span<const unsigned> begin) {
  if (begin.size() != 1 || to_run() != 1 || breakpoints_.watches() || !to_tell_.empty()) return false;
  const unsigned vcpu = begin.front();
  Slot& slot = slots_[vcpu];
  if (slot.verb != Verb::kStep || slot.run == nullptr || slot.not_told || slot.needs_stillness) return false;
  const auto run =
      std::make_shared<CpuRun>(context_, nothing_planned_, vcpu, slot.state, slot.dirty, assignment(slot, true));
  if (!run->step_at_once()) return false;
  slot.run = run;
  slot.parked = false;
  report({.vcpu = vcpu, .cause = Interrupted{}, .state = run->state()});
  return true;
}

void RunControl::stop(gdb::StopEvent event) {
  VMM_CHECK(running());
  wanted_ = std::move(event);
  ask_to_park();
}

void RunControl::stop_one(unsigned vcpu, gdb::StopEvent event) {
  Slot& slot = slots_.at(vcpu);
  if (slot.verb == Verb::kStay || slot.stop_wanted) return;
  slot.stop_wanted = std::move(event);
  if (!slot.parked && !parking_) machine_.vcpu(vcpu).request_stop();
}

void RunControl::rearm() { ask_to_park(); }

void RunControl::check_halted() {
  check_halted_ = true;
  ask_to_park();
}

void RunControl::ask_to_park() {
  if (std::exchange(parking_, true)) return;
  for (unsigned i = 0; i < slots_.size(); ++i) {
    if (!slots_[i].parked) machine_.vcpu(i).request_stop();
  }
}

// --- what happens ------------------------------------------------------------------------------------------

void RunControl::report(const StopReport& report) {
  Slot& slot = slots_.at(report.vcpu);
  VMM_CHECK(!slot.parked);
  slot.parked = true;
  slot.state = slot.run->state();
  slot.dirty = slot.run->dirty();
  slot.get_off = slot.run->must_get_off();
  slot.at_breakpoint = slot.run->at_breakpoint();
  if (all_parked()) slot.software_left = slot.run->software_left();
  settle(report.vcpu, report.cause);
  if (all_parked()) return advance();
  if (!parking_ && slot.verb != Verb::kStay && slot.parked) launch(report.vcpu, false);
  tell_stopped();
}

void RunControl::settle(unsigned vcpu, const StopCause& cause) {
  Slot& slot = slots_[vcpu];
  CpuRun::Outcome outcome = slot.run->outcome();
  // What KVM refused on the way to a leg, no CpuRun has heard of.
  const auto* fault = std::get_if<HostFault>(&cause);
  if (fault != nullptr && std::holds_alternative<Parked>(outcome)) outcome = crash_of(*fault, slot.state);
  slot.needs_stillness = slot.lifted = false;
  if (const auto* still = std::get_if<CpuRun::NeedsStillness>(&outcome)) {
    slot.needs_stillness = true;
    slot.lifted = still->unprotected;
    if (slot.lifted) breakpoints_.note_executed(slot.state);
    ask_to_park();
  } else if (std::holds_alternative<CpuRun::Detour>(outcome) || std::holds_alternative<OutOfDate>(outcome)) {
    ask_to_park();  // on to the next, or to a new plan
  } else if (const auto* event = std::get_if<CpuRun::Stopped>(&outcome)) {
    stopped(vcpu, *event);
  } else if (const auto* crash = std::get_if<Crash>(&outcome)) {
    crashed(vcpu, *crash);
  } else if (const auto* stack = std::get_if<StackOnPage>(&outcome)) {
    breakpoints_.note_stack(stack->page);
    ask_to_park();
  } else if (const auto* request = std::get_if<MachineRequest>(&outcome)) {
    if (!request_) request_ = std::pair(vcpu, *request);
    ask_to_park();
  } else if (slot.stop_wanted) {
    stopped(vcpu, {*slot.stop_wanted});
  }
}

void RunControl::crashed(unsigned vcpu, const Crash& crash) {
  if (non_stop_) {
    gdb::StopEvent told;
    told.thread = vcpu + 1;
    told.signal = crash.caught.empty() ? crash.signal : gdb::Signal::kTrap;
    told.console = crash.caught + crash.text + "\n";
    return stopped(vcpu, {std::move(told)});
  }
  if (!crash_) crash_ = std::pair(vcpu, crash);
  ask_to_park();
}

void RunControl::stopped(unsigned vcpu, CpuRun::Stopped stopped) {
  Slot& slot = slots_[vcpu];
  if (non_stop_) {
    slot.stop_wanted.reset();
    slot.verb = Verb::kStay;
    to_tell_.push_back(std::move(stopped.event));
    return;
  }
  ask_to_park();
  if (event_) {
    // The end of a step is nothing to come back to: who lets this vCPU run again sees where it stands.
    const bool step_ended = stopped.event.reason == gdb::StopReason::kSignal && stopped.event.console.empty();
    if (!step_ended) slot.not_told = std::move(stopped);
  } else {
    event_ = std::move(stopped.event);
  }
}

void RunControl::tell_stopped() {
  // The owner may start() again from inside, or destroy us behind the last one.
  while (!to_tell_.empty()) {
    gdb::StopEvent event = std::move(to_tell_.front());
    to_tell_.pop_front();
    const bool last = to_tell_.empty();
    owner_.stopped(std::move(event));
    if (last) return;
  }
}

/// All are parked: what next?
void RunControl::advance() {
  breakpoints_.lift();
  parking_ = false;
  const bool check_halted = std::exchange(check_halted_, false);
  if (request_ || crash_) return give_up();
  if (non_stop_) {
    for (unsigned i = 0; i < slots_.size(); ++i) {
      if (slots_[i].stop_wanted) stopped(i, {*slots_[i].stop_wanted});
    }
  } else if (finish_all_stop(check_halted)) {
    return;
  }
  try {
    if (to_run() > 0) go();
  } catch (const HostError& error) {
    return refused(error.what());
  }
  tell_stopped();
}

/// Throws HostError when the host refuses what is planned; then all are still parked, and nothing is planted.
void RunControl::go() {
  std::vector<const CpuState*> states;
  for (const Slot& slot : slots_) states.push_back(&slot.state);
  plan_ = breakpoints_.plan(states);
  owner_.planned(*plan_);
  machine_.watch().set(
      plan_->ranges,
      [plan = plan_](unsigned id) { return id < plan->rows.size() && plan->values->changed(plan->rows, id); },
      [plan = plan_, &memory = machine_.memory()](std::uint64_t physical, const CpuState& state) {
        return plan->promise_ended(physical, state, memory);
      });
  if (!run_one_alone()) run_together();
}

/// What the debugger asked for may be what the host refuses: it may ask for less, and go on.
void RunControl::refused(const std::string& why) {
  for (unsigned i = 0; i < slots_.size(); ++i) {
    if (slots_[i].verb != Verb::kStay) crashed(i, crash_of(HostFault{why}, slots_[i].state));
  }
  parking_ = false;
  return non_stop_ ? tell_stopped() : give_up();
}

/// The machine asks for something, or can't go on: whatever else happened is of no interest any more.
void RunControl::give_up() {
  std::vector<RunOwner::Runner> runners;
  for (unsigned i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    if (slot.verb != Verb::kStay) runners.push_back({i, std::exchange(slot.stop_wanted, std::nullopt)});
    slot.verb = Verb::kStay;
    slot.not_told.reset();
  }
  for (gdb::StopEvent& event : to_tell_) runners.push_back({event.thread - 1, std::move(event)});
  if (wanted_ && !runners.empty()) runners.front().stop = wanted_;
  event_.reset();
  wanted_.reset();
  to_tell_.clear();
  const auto request = std::exchange(request_, std::nullopt);
  const auto crash = std::exchange(crash_, std::nullopt);
  if (request) return owner_.requested(request->first, request->second, std::move(runners));
  owner_.crashed(crash->first, crash->second);
}

/// True when the machine stands, and the owner knows.
bool RunControl::finish_all_stop(bool check_halted) {
  if (!event_ && wanted_) {
    // gdb takes a stop only of a thread that it let run, and steps it off a breakpoint even if that was not hit yet.
    const auto suits = [&](const Slot& slot) {
      return slot.verb != Verb::kStay && (slot.at_breakpoint || plan_->at(linear_pc(slot.state)) == nullptr);
    };
    const auto runs = [](const Slot& slot) { return slot.verb != Verb::kStay; };
    auto teller = slots_.begin() + (wanted_->thread - 1);
    if (!suits(*teller)) teller = std::ranges::find_if(slots_, suits);
    if (teller == slots_.end()) teller = std::ranges::find_if(slots_, runs);
    if (teller != slots_.end()) wanted_->thread = static_cast<gdb::ThreadId>(teller - slots_.begin()) + 1;
    event_ = std::move(wanted_);
  }
  wanted_.reset();
  if (!event_) tell_kept_event();
  const bool for_ever = !event_ && check_halted && nothing_wakes_it();
  if (!event_ && !for_ever) return false;
  for (Slot& slot : slots_) slot.verb = Verb::kStay;
  if (for_ever) {
    owner_.halted_for_ever();
  } else {
    owner_.stopped(*std::exchange(event_, std::nullopt));
  }
  return true;
}

/// What another CPU ran into while the last event stopped the machine, if what it ran into is still there.
bool RunControl::tell_kept_event() {
  for (Slot& slot : slots_) {
    if (!slot.not_told || slot.verb == Verb::kStay) continue;
    const CpuRun::Stopped kept = *std::exchange(slot.not_told, std::nullopt);
    const bool of_breakpoint = kept.event.reason != gdb::StopReason::kSignal;
    if (of_breakpoint && !breakpoints_.contains(kept.spec)) continue;
    event_ = kept.event;
    return true;
  }
  return false;
}

// --- who runs next -----------------------------------------------------------------------------------------

bool RunControl::alone_wanted(const Slot& slot) const {
  if (slot.verb == Verb::kStay) return false;
  if (slot.needs_stillness) return true;
  const bool steps_off = slot.get_off || slot.verb == Verb::kStep || slot.at_breakpoint;
  if (!steps_off) return false;
  if (slot.verb == Verb::kContinue) return false;  // it tries to do without, and says when it can't
  const auto place = walk(slot.state, machine_.memory(), linear_pc(slot.state));
  if (place && !plan_->trace && plan_->plants(place->physical)) return true;
  // A lone stepper needs nothing planted: the step ends before anything else could be hit.
  return slot.verb == Verb::kStep && to_run() == 1;
}

bool RunControl::run_one_alone() {
  for (unsigned i = 0; i < slots_.size(); ++i) {
    if (!alone_wanted(slots_[i])) continue;
    machine_.watch().protect(slots_[i].lifted ? std::vector<kvm::ProtectedPage>{} : plan_->pages);
    launch(i, true);
    return true;
  }
  return false;
}

void RunControl::run_together() {
  machine_.watch().protect(plan_->pages);
  if (!plan_->trace) breakpoints_.plant();
  for (unsigned i = 0; i < slots_.size(); ++i) {
    if (slots_[i].verb != Verb::kStay) launch(i, false);
  }
}

Assignment RunControl::assignment(const Slot& slot, bool alone) const {
  const std::uint64_t pc = linear_pc(slot.state);
  const bool here = slot.at_breakpoint && (plan_->at(pc) != nullptr || plan_->caught_at(pc) != nullptr);
  return {.verb = slot.verb,
          .range = slot.range,
          .get_off = slot.get_off || here || slot.needs_stillness,
          .wake = slot.wake,
          .stepped = slot.run != nullptr && slot.run->stepped(),
          .planted = !alone,
          .alone = alone,
          .solo = alone && slot.verb == Verb::kStep && !slot.lifted && to_run() == 1,
          .lifted = alone && slot.lifted,
          .software_left = slot.software_left};
}

void RunControl::launch(unsigned vcpu, bool alone) {
  Slot& slot = slots_[vcpu];
  const Assignment task = assignment(slot, alone);
  for (Slot& any : slots_) any.software_left.reset();  // it may wake or reset others
  slot.run = std::make_shared<CpuRun>(context_, plan_, vcpu, slot.state, slot.dirty, task);
  slot.dirty = slot.wake = slot.parked = slot.needs_stillness = false;
  slot.not_told.reset();
  machine_.vcpu(vcpu).run({.course = slot.run, .paused = std::exchange(slot.paused, false)});
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
