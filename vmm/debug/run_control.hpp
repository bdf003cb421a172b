/// Who runs and who stands: from "resume" to what the debugger hears of, with every silent detour between.
///
///     all stand --start()--> (one alone: it steps, nothing planted)* → together: planted, each by its CpuRun → … → all
///     stand
///
/// A CpuRun settles on its own thread whatever concerns its vCPU alone. Here is what needs the others to stand still
/// for a moment: a step off a planted byte, so that no CPU slips through it, and a change of what is armed. In all-stop
/// mode one event stops all; in non-stop mode it stops its vCPU, and the others do not hear of it.
///
/// Thread: I/O. Never waits for a running vCPU.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gdbstub/types.hpp"
#include "vmm/debug/breakpoints.hpp"
#include "vmm/debug/cpu_run.hpp"
#include "vmm/machine/machine.hpp"

namespace vmm {

/// Who decides what a stop leads to. Called as the last thing RunControl does: the owner may start() it again, or
/// destroy it. But for stopped() in non-stop mode, every vCPU is parked and nothing is planted.
class RunOwner {
 public:
  /// A vCPU that runs, as far as the debugger knows.
  struct Runner {
    unsigned vcpu = 0;
    std::optional<gdb::StopEvent> stop;  ///< the debugger still awaits this, as the answer to stop() or stop_one()
  };
  virtual ~RunOwner() = default;
  /// All-stop: the machine stands; non-stop: the event's vCPU does.
  virtual void stopped(gdb::StopEvent event) = 0;
  /// The guest can't go on; `stopped` has not been called.
  virtual void crashed(unsigned vcpu, const Crash& crash) = 0;
  /// Neither has `stopped` of the runners, whom the request has brought to a stand.
  virtual void requested(unsigned vcpu, MachineRequest request, std::vector<Runner> runners) = 0;
  /// Every vCPU is halted with interrupts off, or waits for a SIPI; `stopped` has not been called.
  virtual void halted_for_ever() = 0;
  /// A plan is about to be run by.
  virtual void planned(const Plan& plan) = 0;
};

class RunControl {
 public:
  using Verb = Assignment::Verb;
  struct Order {
    Verb verb = Verb::kStay;
    std::optional<gdb::AddressRange> range{};  ///< of kStep: it goes on while the linear program counter is in it
  };

  RunControl(RunContext& context, Breakpoints& breakpoints, RunOwner& owner);

  /// Only while all stand, but that debugger_left() ends it.
  void set_non_stop(bool on) { non_stop_ = on; }
  /// All-stop mode begins, and what the debugger asked for, or was still to hear, is forgotten.
  void debugger_left();
  bool non_stop() const { return non_stop_; }
  /// The guest has stood for its user, and its clock with it: each vCPU's guest is told when it runs again.
  void note_paused() {
    for (Slot& slot : slots_) slot.paused = true;
  }
  /// Some vCPU runs, as far as the debugger knows: one whose stop is still to be told does.
  bool running() const { return to_run() > 0 || !to_tell_.empty(); }
  bool running(unsigned vcpu) const { return slots_.at(vcpu).verb != Verb::kStay; }

  /// `orders`: one per vCPU. A vCPU that runs already is left alone; all-stop: none does.
  void start(std::span<const Order> orders);
  /// Running, all-stop: all park, then stopped() with `event`, unless another event came first.
  void stop(gdb::StopEvent event);
  /// Non-stop: the vCPU parks, then stopped() with `event`, unless another came first. One that stands is left alone.
  void stop_one(unsigned vcpu, gdb::StopEvent event);
  /// Running: all park for a moment, and go on with what is armed planned anew.
  void rearm();
  /// Running: asks, when all have parked, whether anything can still wake the guest.
  void check_halted();
  /// A report of the machine that this controls.
  void report(const StopReport& report);

  /// Of a vCPU that stands.
  const CpuState& state(unsigned vcpu) const { return slots_.at(vcpu).state; }
  /// Handed to KVM at the next start(); `moved`: the user chose another program counter.
  void set_state(unsigned vcpu, const CpuState& state, bool moved);
  /// As set_state(), for what KVM has already taken.
  void adopt_state(unsigned vcpu, const CpuState& state, bool moved);

 private:
  struct Slot {
    bool parked = true;
    CpuState state;
    bool dirty = false;  // KVM does not have `state` yet
    bool wake = false;
    bool paused = false;  // it stands for the user
    Verb verb = Verb::kStay;
    std::optional<gdb::AddressRange> range;
    bool at_breakpoint = false;             // its last stop was reported as a breakpoint here, and nobody moved it
    bool get_off = false;                   // its next instruction is stepped over whatever lies there
    bool needs_stillness = false;           // … while all others stand
    bool lifted = false;                    // … and no page is protected
    std::optional<unsigned> software_left;  // as of the Assignment
    std::shared_ptr<CpuRun> run;
    std::optional<gdb::StopEvent> stop_wanted;  // stop_one()
    std::optional<CpuRun::Stopped> not_told;    // it happened while another event stopped the machine
  };

  bool step_at_once(std::span<const unsigned> begin);
  void advance();
  void go();
  void give_up();
  void refused(const std::string& why);
  void crashed(unsigned vcpu, const Crash& crash);
  bool finish_all_stop(bool check_halted);
  bool tell_kept_event();
  bool run_one_alone();
  void run_together();
  Assignment assignment(const Slot& slot, bool alone) const;
  void launch(unsigned vcpu, bool alone);
  void settle(unsigned vcpu, const StopCause& cause);
  void stopped(unsigned vcpu, CpuRun::Stopped stopped);
  void tell_stopped();
  void ask_to_park();
  bool all_parked() const;
  std::size_t to_run() const;  // how many vCPUs
  bool alone_wanted(const Slot& slot) const;
  bool nothing_wakes_it();

  RunContext& context_;
  Machine& machine_;
  Breakpoints& breakpoints_;
  RunOwner& owner_;
  std::vector<Slot> slots_;
  const std::shared_ptr<const Plan> nothing_planned_ = std::make_shared<Plan>();
  std::shared_ptr<const Plan> plan_ = nothing_planned_;
  bool non_stop_ = false;
  bool parking_ = false;
  bool check_halted_ = false;
  std::optional<gdb::StopEvent> wanted_;  // what stop() asked for
  std::optional<gdb::StopEvent> event_;   // all-stop: what happened first
  std::deque<gdb::StopEvent> to_tell_;    // non-stop
  std::optional<std::pair<unsigned, Crash>> crash_;
  std::optional<std::pair<unsigned, MachineRequest>> request_;
};

}  // namespace vmm
