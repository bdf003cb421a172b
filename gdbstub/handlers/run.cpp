// Running, restarting, leaving (GDB manual, "Packets"). The reply to a packet that lets the guest run is the stop
// reply; Session sends it when the target has stopped. In non-stop mode the reply is OK, and stops are notified.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "gdbstub/handlers/handlers.hpp"
#include "gdbstub/hex.hpp"

namespace gdb::handlers {
namespace {

using Verb = ResumePlan::Verb;

// The phase changes first: the target may report its stop from inside the call.
Reply start(Conversation& c, Phase phase, auto&& act) {
  const Phase before = std::exchange(c.phase, phase);
  if (phase == Phase::kRunning) c.flush_console();
  const Result<void> started = act();
  if (started) {
    if (c.phase == Phase::kRunning && c.interrupt_wanted) c.target.interrupt();
    return std::nullopt;
  }
  c.phase = before;
  return std::unexpected(started.error());
}

// The stop of a thread which gdb does not know to be stopped must reach it first.
Reply start_threads(Conversation& c, ResumePlan plan) {
  for (const ThreadId thread : c.target.threads()) {
    if (c.stops.holds(thread)) plan.actions.insert(plan.actions.begin(), {.verb = Verb::kStop, .thread = thread});
  }
  const Result<void> started = c.target.resume(plan);
  if (!started) return std::unexpected(started.error());
  return "OK";
}

Reply start(Conversation& c, const ResumePlan& plan) {
  if (c.non_stop) return start_threads(c, plan);
  return start(c, Phase::kRunning, [&] { return c.target.resume(plan); });
}

std::optional<Signal> parse_signal(Fields& fields) {
  const auto number = fields.number();
  if (!number || *number > 0xff) return std::nullopt;
  return static_cast<Signal>(*number);
}

// c, C, s, S run the thread of Hc. Without one, all run, and the current thread steps.
ResumePlan old_plan(const Conversation& c, Verb verb, Signal signal) {
  ResumePlan plan;
  if (c.control || verb == Verb::kStep) plan.actions.push_back({verb, signal, c.control.value_or(c.general_thread())});
  if (!c.control) plan.actions.push_back({Verb::kContinue, Signal::kNone, std::nullopt});
  return plan;
}

// `address`: where to go on; as it is when absent.
Reply old_resume(Conversation& c, Verb verb, Signal signal, Fields address) {
  if (!address.done()) {
    const auto pc = address.number();
    if (!pc || !address.done()) return fail("malformed address");
    const ThreadId thread = c.control.value_or(c.general_thread());
    if (c.target.thread_running(thread)) return fail(fmt::format("thread {} is running", thread));
    const auto set = c.target.write_register(thread, x86::Register::kRip, x86::Value::of(*pc));
    if (!set) return std::unexpected(set.error());
  }
  return start(c, old_plan(c, verb, signal));
}

Reply old_resume_with_signal(Conversation& c, Verb verb, std::string_view args) {
  Fields fields(args);
  const auto signal = parse_signal(fields);
  if (!signal || (!fields.done() && !fields.skip(';'))) return fail("malformed signal");
  return old_resume(c, verb, *signal, fields);
}

// VERB[SIGNAL][:THREAD], rBEGIN,END[:THREAD]
Result<ResumePlan::Action> parse_action(const Conversation& c, std::string_view text) {
  Fields fields(text);
  ResumePlan::Action action;
  const bool with_signal = text.starts_with('C') || text.starts_with('S');
  if (fields.skip('s') || fields.skip('S')) {
    action.verb = Verb::kStep;
  } else if (fields.skip('r')) {
    action.verb = Verb::kStep;
    const auto begin = fields.number();
    const bool comma = fields.skip(',');
    const auto end = fields.number();
    if (!begin || !comma || !end) return fail("malformed vCont action");
    action.range = AddressRange{*begin, *end};
  } else if (fields.skip('t')) {
    action.verb = Verb::kStop;
  } else if (!fields.skip('c') && !fields.skip('C')) {
    return fail("no such vCont action");
  }
  if (with_signal) {
    const auto signal = parse_signal(fields);
    if (!signal) return fail("malformed signal");
    action.signal = *signal;
  }
  if (fields.done()) return action;
  if (!fields.skip(':')) return fail("malformed vCont action");
  const auto thread = c.parse_thread(fields.rest());
  if (!thread) return std::unexpected(thread.error());
  if (thread->kind == ThreadRef::Kind::kOne) action.thread = thread->id;
  if (thread->kind == ThreadRef::Kind::kAny) action.thread = c.general_thread();
  return action;
}

Reply begin_anew(Conversation& c, Phase phase) {
  c.stops.drop();
  const Reply reply = start(c, phase, [&] { return c.target.restart(); });
  if (reply) c.killed = false;
  return reply;
}

Reply check_process(std::string_view args) {
  Fields fields(args);
  const auto process = fields.number();
  if (!process || !fields.done() || *process != kProcess) return fail("no such process");
  return "OK";
}

}  // namespace

Reply stop_reason(Conversation& c, std::string_view) {
  if (c.non_stop) return stops_of_threads(c);
  return c.report_stop();
}

Reply go_on(Conversation& c, std::string_view args) {
  return old_resume(c, Verb::kContinue, Signal::kNone, Fields(args));
}

Reply step(Conversation& c, std::string_view args) { return old_resume(c, Verb::kStep, Signal::kNone, Fields(args)); }

Reply go_on_with_signal(Conversation& c, std::string_view args) {
  return old_resume_with_signal(c, Verb::kContinue, args);
}

Reply step_with_signal(Conversation& c, std::string_view args) { return old_resume_with_signal(c, Verb::kStep, args); }

Reply resume_actions(Conversation&, std::string_view) { return "vCont;c;C;s;S;t;r"; }

Reply resume(Conversation& c, std::string_view args) {
  ResumePlan plan;
  for (Fields fields(args); !fields.done();) {
    auto action = parse_action(c, fields.until(';'));
    if (!action) return std::unexpected(action.error());
    plan.actions.push_back(*action);
  }
  if (plan.actions.empty()) return fail("vCont without an action");
  if (c.non_stop) return start_threads(c, plan);
  const bool only_stops = std::ranges::all_of(plan.actions, [](const auto& a) { return a.verb == Verb::kStop; });
  const bool stopped = c.phase == Phase::kStopped && !c.target.running();
  if (only_stops && stopped) return c.report_stop();
  if (!only_stops && !stopped) return fail("the guest is running");
  return start(c, plan);
}

// The reply goes first: in all-stop mode a stop reply follows it.
Reply interrupt(Conversation& c, std::string_view) {
  if (!c.non_stop) c.send("OK");
  const Result<void> done = c.interrupt();
  if (!done) return std::unexpected(done.error());
  return c.non_stop ? std::optional<std::string>("OK") : std::nullopt;
}

// vRun;PROGRAM;ARGUMENTS: there is one program to run. The reply is the stop reply.
Reply run(Conversation& c, std::string_view) { return begin_anew(c, Phase::kRestarting); }

// R has no reply. Packets wait for the guest to be stopped at its first instruction.
Reply restart(Conversation& c, std::string_view) {
  (void)begin_anew(c, Phase::kAttaching);
  return std::nullopt;
}

Reply detach(Conversation& c, std::string_view args) {
  Fields fields(args);
  if (!fields.done() && (!fields.skip(';') || !check_process(fields.rest()))) return fail("no such process");
  c.ending = Ending::kDetach;
  return "OK";
}

Reply kill(Conversation& c, std::string_view) {
  c.ending = Ending::kKill;
  return std::nullopt;
}

// gdb's `run` in extended mode is vKill, then vRun: there, the debuggee must outlive its death a little.
Reply kill_process(Conversation& c, std::string_view args) {
  auto reply = check_process(args);
  if (!reply) return reply;
  if (c.extended) {
    c.killed = true;
    c.stops.drop();
    if (c.non_stop) (void)c.interrupt();
  } else {
    c.ending = Ending::kKill;
  }
  return reply;
}

}  // namespace gdb::handlers
