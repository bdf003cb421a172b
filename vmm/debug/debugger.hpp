/// The virtual machine as gdb's Target: translates what gdb asks into RunControl, Breakpoints, registers and page
/// walks, and owns the policies (who stops, who ends, what a crash means).
///
/// Thread: I/O. The only threads it hears of are the vCPUs', through `post`.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gdbstub/target.hpp"
#include "vmm/debug/breakpoints.hpp"
#include "vmm/debug/monitor.hpp"
#include "vmm/debug/run_control.hpp"
#include "vmm/debug/watch_news.hpp"
#include "vmm/machine/machine.hpp"

namespace vmm {

struct DebuggerOptions {
  enum class OnTripleFault : std::uint8_t { kAuto, kStop, kExit };
  enum class OnDisconnect : std::uint8_t { kContinue, kStop, kExit };
  enum class OnReset : std::uint8_t { kRestart, kStop, kExit };
  bool wait = false;                                     ///< hold at the first instruction until a debugger says go
  OnTripleFault on_triple_fault = OnTripleFault::kAuto;  ///< kAuto: stop for an attached debugger, else exit
  OnDisconnect on_disconnect = OnDisconnect::kContinue;
  OnReset on_reset = OnReset::kRestart;  ///< when the guest resets; kStop: at what did it, until the next resume
  gdb::x86::Shape registers = gdb::x86::Shape::kX86_64;
};

/// What the Debugger needs of the world.
struct DebuggerHost {
  /// Builds the machine, anew for each reset, while the one before stands. Throws HostError or LoadError.
  std::function<std::unique_ptr<Machine>(StopSink)> build;
  /// Runs a function on the I/O thread, later. Thread: any.
  std::function<void(std::function<void()>)> post;
  /// Asks for a tick() soon: something waits to be mapped.
  std::function<void()> hurry;
  /// The VM is over: the process's exit code. Called once.
  std::function<void(int)> end;
  HostAbilitiesFuture abilities;
};

class Debugger final : public gdb::Target, private gdb::Breakpoints, private RunOwner {
 public:
  static constexpr int kExitCrash = 3;

  /// Builds the machine; unless options.wait, the guest runs at once.
  Debugger(DebuggerHost host, std::vector<LinkHint> hints, const DebuggerOptions& options);

  Machine& machine() { return *machine_; }
  /// Looks after breakpoints that wait to be mapped and at a guest that is halted for ever; returns when to call it
  /// again.
  std::chrono::milliseconds tick();

  void attach(gdb::TargetListener& listener) override;
  void detach() override;
  void disconnected() override;
  void kill() override;
  gdb::Result<void> restart() override;

  std::vector<gdb::ThreadId> threads() const override;
  std::string thread_info(gdb::ThreadId thread) const override;
  std::string thread_name(gdb::ThreadId thread) const override;
  std::optional<unsigned> core(gdb::ThreadId thread) const override { return thread - 1; }

  const gdb::x86::Layout& layout() const override { return layout_; }
  gdb::Result<gdb::x86::Value> read_register(gdb::ThreadId thread, gdb::x86::Register reg) override;
  gdb::Result<void> write_register(gdb::ThreadId thread, gdb::x86::Register reg, const gdb::x86::Value& value) override;
  gdb::Result<std::size_t> read_memory(gdb::ThreadId thread, gdb::AddressSpace space, std::uint64_t address,
                                       std::span<std::byte> out) override;
  gdb::Result<void> write_memory(gdb::ThreadId thread, gdb::AddressSpace space, std::uint64_t address,
                                 std::span<const std::byte> data) override;

  bool running() const override { return run_->running(); }
  bool thread_running(gdb::ThreadId thread) const override { return run_->running(thread - 1); }
  bool offers_non_stop() const override { return true; }
  void set_non_stop(bool on) override { run_->set_non_stop(on); }
  gdb::StopEvent stop_of(gdb::ThreadId thread) const override;
  gdb::Result<void> resume(const gdb::ResumePlan& plan) override;
  void interrupt() override;

  gdb::Breakpoints* breakpoints() override { return this; }
  gdb::Monitor* monitor() override { return &monitor_; }

 private:
  friend class Monitor;  // its commands are ours, in a room of their own

  bool takes_actions() const override { return true; }
  gdb::Result<void> insert(const gdb::BreakpointSpec& spec, gdb::BreakpointActions actions) override;
  gdb::Result<void> remove(const gdb::BreakpointSpec& spec) override;

  void stopped(gdb::StopEvent event) override;
  void crashed(unsigned vcpu, const Crash& crash) override;
  void requested(unsigned vcpu, MachineRequest request, std::vector<Runner> runners) override;
  void halted_for_ever() override;
  void planned(const Plan& plan) override;

  void build();
  gdb::Result<void> rebuild();  ///< on error the machine is as before
  gdb::Result<void> reset();    ///< the same, for the guest
  void hold_at_reset(unsigned vcpu, const std::vector<Runner>& runners, std::string text);
  void run_from_reset(const std::vector<Runner>& runners);
  void tell_all(std::vector<gdb::StopEvent> events);
  void forget_debugger();
  void run(std::span<const RunControl::Order> orders);
  void run_all();
  void leave_running();
  void stop_clock();
  void start_clock();
  void finish(int code);
  void tell(gdb::StopEvent event);
  const ExtendedState& extended(unsigned vcpu);
  std::string_view activity(unsigned vcpu) const;  ///< of a vCPU that stands: halted or not, in words

  DebuggerHost host_;
  DebuggerOptions options_;
  gdb::x86::Layout layout_;
  vmm::Breakpoints breakpoints_;
  Monitor monitor_;
  std::unique_ptr<RunContext> context_;  // outlives machine_, whose vCPU threads use it until they end
  std::unique_ptr<Machine> machine_;
  std::unique_ptr<RunControl> run_;
  std::uint64_t generation_ = 0;                        // of machine_: a report of an older one is dropped
  std::vector<std::optional<ExtendedState>> extended_;  // read lazily, forgotten at each resume
  gdb::TargetListener* listener_ = nullptr;
  gdb::StopEvent last_event_;
  std::map<unsigned, gdb::StopEvent> last_of_;  // of each vCPU, in non-stop mode
  WatchNews watch_news_;
  bool reset_wanted_ = false;      // a caught reset: to be done at the next resume
  bool run_when_stopped_ = false;  // nobody is attached, and no stop is to stay
  bool ended_ = false;
  bool block_interrupts_ = true;
  unsigned looks_ = 0;       // since the last resume, for what is not mapped
  bool rearmed_ = false;     // by the last of those that come seldom
  std::uint64_t clock_ = 0;  // the guest's, while it stands for the user
  std::chrono::steady_clock::time_point stands_since_;
  std::chrono::steady_clock::duration untold_pause_{};  // the guest's CPUs are still to be told of
};

}  // namespace vmm
