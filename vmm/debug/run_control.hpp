/// All-stop control of the vCPUs: from "resume" to "all are parked again", with every silent detour between.
///
///     Stopped --start()--> (Alone: one vCPU steps, nothing armed)* → Together: armed, all run → … → Stopped
///
/// A vCPU that stands on a trap of ours is stepped alone, with nothing armed and the others parked, before all run: no
/// CPU slips through a breakpoint while it is out of the way.
///
/// Thread: I/O. Never waits for a running vCPU.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "gdbstub/types.hpp"
#include "vmm/debug/breakpoint_actions.hpp"
#include "vmm/debug/breakpoints.hpp"
#include "vmm/debug/traps.hpp"
#include "vmm/machine/machine.hpp"

namespace vmm {

/// Who decides what a stop of the machine leads to. Called when every vCPU is parked and nothing is armed, as the last
/// thing RunControl does: the owner may start() it again, or destroy it.
class RunOwner {
 public:
  virtual ~RunOwner() = default;
  virtual void stopped(gdb::StopEvent event) = 0;
  /// The guest can't go on; `stopped` has not been called.
  virtual void crashed(unsigned vcpu, const Crash& crash) = 0;
  virtual void requested(MachineRequest request) = 0;
  /// Every vCPU is halted with interrupts off, or waits for a SIPI; `stopped` has not been called.
  virtual void halted_for_ever() = 0;
  /// A parked vCPU, with others perhaps still running, stands on a breakpoint: decides whether that stops the machine.
  virtual HitVerdict hit(unsigned vcpu, const Breakpoint& breakpoint) = 0;
};

class RunControl {
 public:
  enum class Verb : std::uint8_t { kStay, kContinue, kStep };
  struct Order {
    Verb verb = Verb::kStay;
    std::optional<gdb::AddressRange> range{};  ///< of kStep: it goes on while the linear program counter is in it
  };

  RunControl(Machine& machine, Breakpoints& breakpoints, HostAbilitiesFuture host, RunOwner& owner);

  bool running() const { return running_; }
  /// Stopped only. `orders`: one per vCPU.
  void start(std::span<const Order> orders);
  /// Running only: all vCPUs park, then stopped() with `event`, unless another event came first.
  void stop(gdb::StopEvent event);
  /// Running only: all park and go on, with breakpoints planned anew.
  void rearm();
  /// Running only: asks, when all have parked, whether anything can still wake the guest.
  void check_halted();
  /// A report of the machine that this controls.
  void report(const StopReport& report);

  bool block_interrupts = true;  ///< while stepping

  /// Stopped only.
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
    Verb verb = Verb::kStay;
    std::optional<gdb::AddressRange> range;
    bool at_breakpoint = false;  // its last stop was reported as a breakpoint here, and nobody moved it
    bool step_over = false;
    bool stepping = false;
    CpuState launched;  // what it ran from last
    HandlerHooks hooks;
    std::optional<std::uint8_t> exception;
  };

  const kvm::HostAbilities& host() const { return host_.get(); }
  void advance();
  bool run_one_alone();
  void run_together();
  void launch(unsigned vcpu, bool step, bool armed);
  void judge(unsigned vcpu, const Verdict& verdict);
  void judge_hit(unsigned vcpu, const Hit& hit);
  void judge_step(unsigned vcpu);
  void ask_to_park();
  bool all_parked() const;
  bool alone_wanted(const Slot& slot) const;
  bool nothing_wakes_it();
  std::function<bool(const CpuState&)> range_stepper(const Slot& slot, bool armed) const;
  std::array<std::optional<std::uint64_t>, 4> side_addresses(unsigned vcpu);
  std::optional<CpuState> step_in_software(const CpuState& state) const;
  gdb::StopEvent event_of(unsigned vcpu, gdb::StopReason reason, gdb::Signal signal, std::uint64_t address = 0) const;

  Machine& machine_;
  Breakpoints& breakpoints_;
  HostAbilitiesFuture host_;
  RunOwner& owner_;
  std::vector<Slot> slots_;
  bool running_ = false;
  bool step_flag_loose_ = false;  // an interrupt may have put the TF of a step of ours into a frame that nobody knows
  bool parking_ = false;
  bool check_halted_ = false;
  std::optional<gdb::StopEvent> wanted_;  // what stop() asked for
  std::optional<gdb::StopEvent> event_;   // what happened first
  std::optional<std::pair<unsigned, Crash>> crash_;
  std::optional<MachineRequest> request_;
};

}  // namespace vmm
