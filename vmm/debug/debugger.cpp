#include "vmm/debug/debugger.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "vmm/base/errors.hpp"
#include "vmm/debug/registers.hpp"

namespace vmm {

namespace {

using gdb::Signal;
using gdb::StopReason;

gdb::StopEvent signal_event(Signal signal, unsigned vcpu = 0, std::string console = {}) {
  gdb::StopEvent event;
  event.thread = vcpu + 1;
  event.signal = signal;
  event.console = std::move(console);
  return event;
}

}  // namespace

Debugger::Debugger(DebuggerHost host, std::vector<LinkHint> hints, const DebuggerOptions& options)
    : host_(std::move(host)),
      options_(options),
      layout_(options.registers),
      breakpoints_(host_.abilities, std::move(hints)),
      monitor_(*this),
      last_event_(signal_event(Signal::kTrap)) {
  build();
  if (!options_.wait) run_all();
}

// The machine before stays until the new one is there, and for good when there can be none.
void Debugger::build() {
  const std::uint64_t generation = generation_ + 1;
  auto machine = host_.build([this, generation](StopReport report) {
    host_.post([this, generation, shared = std::make_shared<StopReport>(std::move(report))] {
      if (generation == generation_) run_->report(*shared);
    });
  });
  auto say = [this, generation](std::string text) {
    host_.post([this, generation, text = std::move(text)] {
      if (generation == generation_ && listener_ != nullptr) listener_->console(text);
    });
  };
  auto context = std::make_unique<RunContext>(*machine, host_.abilities, layout_, std::move(say), block_interrupts_);
  auto run = std::make_unique<RunControl>(*context, breakpoints_, static_cast<RunOwner&>(*this));
  run->set_non_stop(run_ != nullptr && run_->non_stop());
  run_ = std::move(run);
  machine_ = std::move(machine);
  context_ = std::move(context);
  generation_ = generation;
  breakpoints_.use(machine_->memory(), machine_->planted());
  extended_.assign(machine_->vcpu_count(), std::nullopt);
  last_event_ = signal_event(Signal::kTrap);
  last_of_.clear();
  reset_wanted_ = false;
  clock_ = 0;
}

// --- a debugger comes and goes -------------------------------------------------------------------------

void Debugger::attach(gdb::TargetListener& listener) {
  listener_ = &listener;
  run_when_stopped_ = false;
  if (run_->running()) {
    run_->stop(signal_event(Signal::kTrap));
  } else {
    listener_->stopped(last_event_);
  }
}

/// Nothing of it stays; what is still planted goes when all have parked.
void Debugger::forget_debugger() {
  listener_ = nullptr;
  run_->debugger_left();
  breakpoints_.clear();
  watch_news_.forget();
}

void Debugger::leave_running() {
  forget_debugger();
  if (ended_) return;
  run_when_stopped_ = true;
  if (run_->running()) {
    run_->stop(signal_event(Signal::kNone));
  } else {
    run_all();
  }
}

void Debugger::detach() { leave_running(); }

void Debugger::disconnected() {
  switch (options_.on_disconnect) {
    case DebuggerOptions::OnDisconnect::kContinue: return leave_running();
    case DebuggerOptions::OnDisconnect::kExit: listener_ = nullptr; return finish(0);
    case DebuggerOptions::OnDisconnect::kStop:
      forget_debugger();
      if (run_->running()) run_->stop(signal_event(Signal::kTrap));
      return;
  }
}

void Debugger::kill() {
  listener_ = nullptr;
  finish(0);
}

gdb::Result<void> Debugger::rebuild() try {
  build();
  return {};
} catch (const std::exception& error) {
  return gdb::fail(fmt::format("the machine cannot be reset, and is as before: {}", error.what()));
}

gdb::Result<void> Debugger::restart() {
  if (ended_) return gdb::fail("the VM has ended");
  auto done = rebuild();
  if (done) listener_->stopped(last_event_);
  return done;
}

void Debugger::finish(int code) {
  if (std::exchange(ended_, true)) return;
  // Later, so that the reply which this ends is on its way first.
  host_.post([this, code] { host_.end(code); });
}

// --- threads ---------------------------------------------------------------------------------------------

std::vector<gdb::ThreadId> Debugger::threads() const {
  std::vector<gdb::ThreadId> ids;
  for (unsigned i = 0; i < machine_->vcpu_count(); ++i) ids.push_back(i + 1);
  return ids;
}

std::string Debugger::thread_name(gdb::ThreadId thread) const { return fmt::format("CPU {}", thread - 1); }

std::string Debugger::thread_info(gdb::ThreadId thread) const {
  if (run_->running(thread - 1)) return fmt::format("CPU {} running", thread - 1);
  const CpuState& state = run_->state(thread - 1);
  return fmt::format("CPU {} {}, {}, CPL {}", thread - 1, activity(thread - 1), name_of(mode_of(state)), cpl_of(state));
}

std::string_view Debugger::activity(unsigned vcpu) const try {
  return name_of(machine_->vcpu(vcpu).call([](kvm::Vcpu& it) { return it.activity(); }));
} catch (const HostError&) {
  return "in a state that KVM does not tell";
}

// --- breakpoints ----------------------------------------------------------------------------------------

gdb::Result<void> Debugger::insert(const gdb::BreakpointSpec& spec, gdb::BreakpointActions actions) {
  auto done = breakpoints_.insert(spec, std::move(actions));
  if (done && run_->running()) run_->rearm();
  return done;
}

gdb::Result<void> Debugger::remove(const gdb::BreakpointSpec& spec) {
  breakpoints_.remove(spec);
  if (run_->running()) run_->rearm();
  return {};
}

// --- running -------------------------------------------------------------------------------------------------

gdb::Result<void> Debugger::resume(const gdb::ResumePlan& plan) {
  using Verb = gdb::ResumePlan::Verb;
  if (ended_) return gdb::fail("the VM has ended");
  const bool only_stops =
      std::ranges::all_of(plan.actions, [](const auto& action) { return action.verb == Verb::kStop; });
  if (!run_->non_stop() && run_->running()) {
    if (!only_stops) return gdb::fail("the guest is running");
    run_->stop(signal_event(Signal::kNone));
    return {};
  }
  std::vector<RunControl::Order> orders(machine_->vcpu_count());
  for (unsigned i = 0; i < orders.size(); ++i) {
    const auto action =
        std::ranges::find_if(plan.actions, [&](const auto& row) { return !row.thread || *row.thread == i + 1; });
    if (action == plan.actions.end()) continue;
    if (action->verb == Verb::kContinue) orders[i].verb = RunControl::Verb::kContinue;
    if (action->verb == Verb::kStep) orders[i] = {RunControl::Verb::kStep, action->range};
    if (action->verb == Verb::kStop) run_->stop_one(i, signal_event(Signal::kNone, i));
  }
  if (std::ranges::any_of(orders, [](const auto& order) { return order.verb != RunControl::Verb::kStay; })) {
    if (reset_wanted_) {
      if (auto done = reset(); !done) return done;
    }
    run(orders);
  } else if (!run_->non_stop()) {
    return gdb::fail("no thread would run");
  }
  return {};
}

void Debugger::run(std::span<const RunControl::Order> orders) {
  for (unsigned i = 0; i < orders.size(); ++i) {
    if (orders[i].verb != RunControl::Verb::kStay) extended_.at(i).reset();
  }
  looks_ = 0;
  run_->start(orders);
  if (run_->running() && breakpoints_.needs_another_look()) host_.hurry();
}

void Debugger::run_all() {
  if (reset_wanted_) {
    if (const auto done = reset(); !done) throw HostError(done.error().text);
  }
  const std::vector<RunControl::Order> all(machine_->vcpu_count(), {.verb = RunControl::Verb::kContinue});
  run(all);
}

void Debugger::interrupt() {
  if (run_->running() && !run_->non_stop()) run_->stop(signal_event(Signal::kInterrupt));
}

gdb::StopEvent Debugger::stop_of(gdb::ThreadId thread) const {
  const auto found = last_of_.find(thread - 1);
  return found != last_of_.end() ? found->second : signal_event(Signal::kNone, thread - 1);
}

/// The time that the guest stands for its user does not pass for it (KVM API document, 4.29, 4.71), as far as KVM's
/// clock is the guest's. Without that, it can be debugged all the same.
void Debugger::stop_clock() try {
  if (clock_ != 0) return;
  clock_ = machine_->vm().clock();
  stands_since_ = std::chrono::steady_clock::now();
} catch (const HostError& error) {
  spdlog::warn("the guest's clock runs on while it stands: {}", error.what());
}

void Debugger::start_clock() try {
  if (clock_ == 0) return;
  // Its watchdogs count seconds: one word for many short pauses is enough.
  constexpr std::chrono::milliseconds kWorthAWord{100};
  machine_->vm().set_clock(std::exchange(clock_, 0));
  untold_pause_ += std::chrono::steady_clock::now() - stands_since_;
  if (untold_pause_ < kWorthAWord) return;
  untold_pause_ = {};
  run_->note_paused();
} catch (const HostError& error) {
  spdlog::warn("the guest's clock has run on while it stood: {}", error.what());
}

std::chrono::milliseconds Debugger::tick() {
  constexpr std::chrono::milliseconds kOften{1};
  constexpr std::chrono::milliseconds kSeldom{50};
  if (ended_ || !run_->running()) return kSeldom;
  if (breakpoints_.needs_another_look()) {
    run_->rearm();
    // What is not there after so many looks may never be.
    constexpr unsigned kEager = 2000;
    return ++looks_ < kEager ? kOften : kSeldom;
  }
  bool asleep = !run_->non_stop();
  for (unsigned i = 0; i < machine_->vcpu_count(); ++i) asleep = machine_->vcpu(i).asleep_since_last_look() && asleep;
  if (asleep) {
    run_->check_halted();
    return kSeldom;
  }
  if (!breakpoints_.looks_again()) return kSeldom;
  // That wakes every vCPU, so whether one sleeps is seen from one look that does not to the next.
  rearmed_ = !rearmed_;
  if (rearmed_) run_->rearm();
  return kSeldom / 2;
}

// --- what a stop leads to ------------------------------------------------------------------------------------

void Debugger::tell(gdb::StopEvent event) {
  if (!run_->running()) stop_clock();
  last_of_.insert_or_assign(event.thread - 1, event);
  last_event_ = std::move(event);
  if (listener_ != nullptr) listener_->stopped(last_event_);
}

void Debugger::planned(const Plan& plan) {
  start_clock();
  const std::string news = watch_news_.of(plan);
  if (!news.empty() && listener_ != nullptr) listener_->console(news);
}

void Debugger::stopped(gdb::StopEvent event) {
  if (run_when_stopped_) return run_all();
  tell(std::move(event));
}

/// The guest may be another one behind any of them: gdb may have waited for just that one.
void Debugger::tell_all(std::vector<gdb::StopEvent> events) {
  const std::uint64_t generation = generation_;
  for (gdb::StopEvent& event : events) {
    if (generation == generation_) tell(std::move(event));
  }
}

void Debugger::crashed(unsigned vcpu, const Crash& crash) {
  run_when_stopped_ = false;
  if (!crash.caught.empty() && listener_ != nullptr) {
    return tell(signal_event(Signal::kTrap, vcpu, crash.caught + crash.text + "\n"));
  }
  const bool triple_fault = crash.signal == Signal::kSegv;
  const auto policy = triple_fault ? options_.on_triple_fault : DebuggerOptions::OnTripleFault::kAuto;
  const bool hold = policy == DebuggerOptions::OnTripleFault::kStop ||
                    (policy == DebuggerOptions::OnTripleFault::kAuto && listener_ != nullptr);
  if (hold) {
    if (listener_ == nullptr) spdlog::warn("{}; held for a debugger", crash.text);
    return tell(signal_event(crash.signal, vcpu, crash.text + "\n"));
  }
  std::fputs(fmt::format("gdbvm: the guest crashed: {}\n{}", crash.text, register_dump(run_->state(vcpu))).c_str(),
             stderr);
  if (listener_ != nullptr) {
    gdb::StopEvent event = signal_event(crash.signal, vcpu, crash.text + "\n");
    event.reason = StopReason::kKilled;
    tell(std::move(event));
  }
  finish(kExitCrash);
}

gdb::Result<void> Debugger::reset() {
  spdlog::info("the guest resets the machine");
  auto done = rebuild();
  if (done && listener_ != nullptr) listener_->console("the guest reset the machine\n");
  return done;
}

/// All-stop: all run, unless the debugger awaits a stop. Non-stop: who ran runs on, and who was to stop has stopped.
void Debugger::run_from_reset(const std::vector<Runner>& runners) {
  std::vector<gdb::StopEvent> stops;
  std::vector<RunControl::Order> orders(machine_->vcpu_count());
  for (const Runner& runner : runners) {
    if (!runner.stop) orders.at(runner.vcpu).verb = RunControl::Verb::kContinue;
    if (runner.stop) stops.push_back(signal_event(runner.stop->signal, runner.stop->thread - 1));
  }
  if (run_->non_stop()) {
    run(orders);
  } else if (stops.empty() || run_when_stopped_) {
    return run_all();
  }
  tell_all(std::move(stops));
}

/// The reset is done, or tried once more, at the next resume.
void Debugger::hold_at_reset(unsigned vcpu, const std::vector<Runner>& runners, std::string text) {
  reset_wanted_ = true;
  std::vector stops{signal_event(Signal::kTrap, vcpu, std::move(text))};
  for (const Runner& runner : runners) {
    if (run_->non_stop() && runner.vcpu != vcpu) stops.push_back(signal_event(Signal::kNone, runner.vcpu));
  }
  tell_all(std::move(stops));
}

void Debugger::requested(unsigned vcpu, MachineRequest request, std::vector<Runner> runners) {
  using OnReset = DebuggerOptions::OnReset;
  const auto* caught = breakpoints_.last_plan().catchpoint(Catchpoint::Kind::kReset);
  const bool resets = request.kind == MachineRequest::Kind::kReset;
  if (resets && ((caught != nullptr && listener_ != nullptr) || options_.on_reset == OnReset::kStop)) {
    if (listener_ == nullptr) spdlog::warn("the guest resets the machine; held for a debugger");
    return hold_at_reset(vcpu, runners,
                         caught != nullptr ? vmm::tell(*caught, run_->state(vcpu)) : "the guest resets the machine\n");
  }
  if (resets && options_.on_reset == OnReset::kRestart) {
    const auto done = reset();
    if (done) return run_from_reset(runners);
    if (listener_ == nullptr) throw HostError(done.error().text);
    return hold_at_reset(vcpu, runners, done.error().text + "\n");
  }
  const std::uint8_t code = request.kind == MachineRequest::Kind::kExit ? request.exit_code : 0;
  if (listener_ != nullptr) {
    gdb::StopEvent event;
    event.reason = StopReason::kExited;
    event.exit_code = code;
    tell(std::move(event));
  }
  finish(code);
}

void Debugger::halted_for_ever() {
  if (listener_ == nullptr) {
    spdlog::info("the guest is halted with interrupts off: nothing can wake it");
    return finish(0);
  }
  tell(signal_event(Signal::kTrap, 0, "the guest is halted with interrupts off: nothing can wake it\n"));
}

}  // namespace vmm
