/// A debuggee without a machine: two threads, 64 KiB of linear memory from 0 and as much physical memory, registers
/// that remember. It stops when the test says so; a step is done at once and moves rip by one. In non-stop mode, only
/// the thread of the event stops.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gdbstub/target.hpp"

namespace gdb::test {

class FakeTarget : public Target, private Breakpoints, private Monitor {
 public:
  explicit FakeTarget(x86::Shape shape = x86::Shape::kX86_64) : layout_(layout_of(shape)) {}

  // --- for the test --------------------------------------------------------------------------------------
  static constexpr std::size_t kMemorySize = 0x10000;

  void stop(const StopEvent& event) {
    is_running = false;
    running_threads.erase(event.thread);
    if (ends_guest(event)) running_threads.clear();
    if (listener != nullptr) listener->stopped(event);
  }
  void stop(StopReason reason, std::uint64_t address = 0) {
    StopEvent event;
    event.reason = reason;
    event.address = address;
    stop(event);
  }

  bool stops_when_attached = true;
  bool is_running = true;
  bool has_breakpoints = true;
  bool has_actions = false;
  BreakpointActions planted_actions;  ///< of the last insert()
  bool has_monitor = true;
  bool has_non_stop = false;
  bool non_stop = false;
  std::set<ThreadId> running_threads;       ///< in non-stop mode
  bool stops_when_told = true;              ///< a thread that is told to stop does so at once; else the test stops it
  std::map<ThreadId, std::string> names;    ///< of threads
  std::map<ThreadId, unsigned> processors;  ///< that they are on
  std::string about_threads = "vCPU";       ///< begins each line of thread_info()
  std::string refuse_resume;                ///< the reason; empty: accepts
  std::set<x86::Register> unreadable, readonly;     ///< registers
  std::vector<std::byte> linear = pattern(false);   ///< byte n is n
  std::vector<std::byte> physical = pattern(true);  ///< byte n is ~n
  std::map<std::pair<ThreadId, x86::Register>, x86::Value> registers;
  std::vector<BreakpointSpec> planted;
  std::vector<std::string> calls;  ///< attach, detach, resume …, in order
  std::string monitor_output = "hello\n";
  TargetListener* listener = nullptr;

  // --- Target --------------------------------------------------------------------------------------------
  void attach(TargetListener& who) override {
    calls.push_back("attach");
    listener = &who;
    non_stop = false;
    if (stops_when_attached) stop(first_stop);
  }
  void detach() override { leave("detach"); }
  void disconnected() override { leave("disconnected"); }
  void kill() override { leave("kill"); }
  Result<void> restart() override {
    calls.push_back("restart");
    if (!refuse_resume.empty()) return fail(refuse_resume);
    set(1, x86::Register::kRip, 0xfff0);
    running_threads.clear();
    stop(StopEvent{});
    return {};
  }

  std::vector<ThreadId> threads() const override { return {1, 2}; }
  std::string thread_info(ThreadId thread) const override { return fmt::format("{} {}", about_threads, thread - 1); }
  std::string thread_name(ThreadId thread) const override { return names.contains(thread) ? names.at(thread) : ""; }
  std::optional<unsigned> core(ThreadId thread) const override {
    return processors.contains(thread) ? std::optional(processors.at(thread)) : std::nullopt;
  }

  const x86::Layout& layout() const override { return layout_; }
  Result<x86::Value> read_register(ThreadId thread, x86::Register reg) override {
    if (unreadable.contains(reg)) return fail("unreadable");
    return registers[{thread, reg}];
  }
  Result<void> write_register(ThreadId thread, x86::Register reg, const x86::Value& value) override {
    calls.push_back(fmt::format("write {} {:x}", x86::info(reg).name, value.number()));
    if (readonly.contains(reg)) return fail(fmt::format("{} can't be written", x86::info(reg).name));
    registers[{thread, reg}] = value;
    return {};
  }
  Result<std::size_t> read_memory(ThreadId, AddressSpace space, std::uint64_t address,
                                  std::span<std::byte> out) override {
    const auto& from = memory(space);
    if (address >= from.size()) return fail("nothing is mapped there");
    const std::size_t count = std::min<std::uint64_t>(out.size(), from.size() - address);
    std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(address), count, out.begin());
    return count;
  }
  Result<void> write_memory(ThreadId, AddressSpace space, std::uint64_t address,
                            std::span<const std::byte> data) override {
    auto& to = memory(space);
    if (address >= to.size() || data.size() > to.size() - address) return fail("nothing is mapped there");
    std::ranges::copy(data, to.begin() + static_cast<std::ptrdiff_t>(address));
    return {};
  }

  bool running() const override { return non_stop ? !running_threads.empty() : is_running; }
  bool thread_running(ThreadId thread) const override {
    return non_stop ? running_threads.contains(thread) : is_running;
  }
  Result<void> resume(const ResumePlan& plan) override {
    calls.push_back("resume" + plan_text(plan));
    if (!refuse_resume.empty()) return fail(refuse_resume);
    if (non_stop) {
      for (const ThreadId thread : threads()) resume_thread(thread, plan);
      return {};
    }
    is_running = true;
    for (const auto& action : plan.actions) {
      if (action.verb == ResumePlan::Verb::kStop) {
        stop(StopEvent{.signal = Signal::kNone});
        return {};
      }
      if (action.verb == ResumePlan::Verb::kStep) {
        const ThreadId thread = action.thread.value_or(1);
        set(thread, x86::Register::kRip, get(thread, x86::Register::kRip) + 1);
        stop(StopEvent{.thread = thread});
        return {};
      }
    }
    return {};
  }
  void interrupt() override {
    calls.push_back("interrupt");
    if (is_running) stop(StopEvent{.signal = Signal::kInterrupt});
  }

  bool offers_non_stop() const override { return has_non_stop; }
  void set_non_stop(bool on) override {
    calls.push_back(fmt::format("non-stop {}", on));
    non_stop = on;
    running_threads.clear();
    is_running = false;
  }

  Breakpoints* breakpoints() override { return has_breakpoints ? this : nullptr; }
  Monitor* monitor() override { return has_monitor ? this : nullptr; }

  void set(ThreadId thread, x86::Register reg, std::uint64_t number) {
    registers[{thread, reg}] = x86::Value::of(number);
  }
  std::uint64_t get(ThreadId thread, x86::Register reg) { return registers[{thread, reg}].number(); }

  StopEvent first_stop;  ///< the reason told at attach

 private:
  // Breakpoints. Address 0xbad is refused.
  bool takes_actions() const override { return has_actions; }
  Result<void> insert(const BreakpointSpec& spec, BreakpointActions actions) override {
    if (spec.address == 0xbad) return fail("no debug register is free");
    planted_actions = std::move(actions);
    if (std::ranges::find(planted, spec) == planted.end()) planted.push_back(spec);
    return {};
  }
  Result<void> remove(const BreakpointSpec& spec) override {
    std::erase(planted, spec);
    return {};
  }

  // Monitor
  Result<std::string> command(std::string_view line) override {
    calls.push_back(fmt::format("monitor {}", line));
    if (line == "bad") return fail("no such command");
    return monitor_output;
  }

  void resume_thread(ThreadId thread, const ResumePlan& plan) {
    const auto action = std::ranges::find_if(
        plan.actions, [&](const auto& candidate) { return candidate.thread.value_or(thread) == thread; });
    if (action == plan.actions.end()) return;
    const bool runs = running_threads.contains(thread);
    switch (action->verb) {
      case ResumePlan::Verb::kContinue: running_threads.insert(thread); break;
      case ResumePlan::Verb::kStep:
        if (runs) break;
        set(thread, x86::Register::kRip, get(thread, x86::Register::kRip) + 1);
        stop(StopEvent{.thread = thread});
        break;
      case ResumePlan::Verb::kStop:
        if (runs && stops_when_told) stop(StopEvent{.thread = thread, .signal = Signal::kNone});
        break;
    }
  }

  static const x86::Layout& layout_of(x86::Shape shape) {
    static const x86::Layout x86_64(x86::Shape::kX86_64);
    static const x86::Layout any(x86::Shape::kAny);
    return shape == x86::Shape::kAny ? any : x86_64;
  }

  static std::vector<std::byte> pattern(bool flipped) {
    static const auto counting = [] {
      std::vector<std::byte> bytes(kMemorySize);
      for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i);
      return bytes;
    }();
    std::vector<std::byte> bytes = counting;
    if (flipped) std::ranges::transform(bytes, bytes.begin(), [](std::byte byte) { return ~byte; });
    return bytes;
  }

  void leave(std::string how) {
    calls.push_back(std::move(how));
    planted.clear();
    listener = nullptr;
    non_stop = false;
    is_running = true;
  }

  static std::string plan_text(const ResumePlan& plan) {
    std::string text;
    for (const auto& action : plan.actions) {
      text += fmt::format(" {}", "cst"[static_cast<std::size_t>(action.verb)]);
      if (action.signal != Signal::kNone) text += fmt::format("{:02x}", std::to_underlying(action.signal));
      if (action.range) text += fmt::format("[{:x},{:x})", action.range->begin, action.range->end);
      if (action.thread) text += fmt::format(":{}", *action.thread);
    }
    return text;
  }

  std::vector<std::byte>& memory(AddressSpace space) { return space == AddressSpace::kLinear ? linear : physical; }

  const x86::Layout& layout_;
};

}  // namespace gdb::test
