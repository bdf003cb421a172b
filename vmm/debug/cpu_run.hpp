/// One vCPU's way from "run" to the first stop that the I/O thread must hear of. False conditions, range steps, steps
/// over breakpoints in debug registers, exceptions of the guest's own: all of it is decided on the vCPU's thread, and
/// no other CPU hears of it.
///
/// Thread: made by the I/O thread, used by the vCPU's while it runs, read by the I/O thread once it has parked.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "gdbstub/types.hpp"
#include "gdbstub/x86/registers.hpp"
#include "vmm/base/backoff.hpp"
#include "vmm/debug/breakpoints.hpp"
#include "vmm/debug/guest_registers.hpp"
#include "vmm/debug/memory_operands.hpp"
#include "vmm/debug/plan.hpp"
#include "vmm/debug/traps.hpp"
#include "vmm/kvm/probes.hpp"
#include "vmm/machine/machine.hpp"

namespace vmm {

/// What every CpuRun of a machine needs; outlives them.
struct RunContext {
  Machine& machine;
  HostAbilitiesFuture abilities;
  const gdb::x86::Layout& layout;
  /// A line of the guest's for the user (dprintf). Thread: any.
  std::function<void(std::string)> say;
  bool block_interrupts = true;  ///< while stepping
  /// An interrupt may have put the TF of a step of ours into a frame that nobody knows.
  std::atomic<bool> step_flag_loose = false;
};

/// What it shall do.
struct Assignment {
  enum class Verb : std::uint8_t { kStay, kContinue, kStep };
  Verb verb = Verb::kStay;
  std::optional<gdb::AddressRange> range{};  ///< of kStep: it goes on while the linear program counter is in it
  bool get_off = false;                      ///< its first instruction is stepped over whatever lies there
  bool wake = false;                         ///< leave HLT
  bool stepped = false;                      ///< the last it did was a step
  bool planted = true;                       ///< the plan's traps are in memory, and other CPUs run
  bool alone = false;   ///< no other CPU runs, nothing is planted: at most one instruction, unless …
  bool solo = false;    ///< … no other CPU is to run, either
  bool lifted = false;  ///< the plan's pages are not protected
  /// Steps that may be done in software before KVM does one again; empty: it is not known whether any may.
  std::optional<unsigned> software_left{};
};

class CpuRun final : public Course {
 public:
  // Why it parked:
  struct NeedsStillness {  ///< it must step while all others stand
    bool unprotected;      ///< … and while no page is protected
  };
  struct Detour {};  ///< the one instruction is done, the assignment is not
  struct Stopped {
    gdb::StopEvent event;
    gdb::BreakpointSpec spec{};  ///< what it ran into, if anything
  };
  using Outcome = std::variant<Parked, NeedsStillness, Detour, Stopped, StackOnPage, OutOfDate, Crash, MachineRequest>;

  /// `state`: where it stands; `dirty`: KVM does not know of it yet.
  CpuRun(RunContext& context, std::shared_ptr<const Plan> plan, unsigned vcpu, const CpuState& state, bool dirty,
         const Assignment& assignment);

  std::optional<Leg> first(kvm::Vcpu& vcpu) override;
  std::optional<Leg> next(kvm::Vcpu& vcpu, const StopCause& cause, const CpuState& state) override;
  /// For the I/O thread, instead of a run: the one step that is wanted, if it can be done here and now; then outcome()
  /// and the rest are as after a run. Every vCPU stands, and nothing is watched.
  bool step_at_once();

  const Outcome& outcome() const { return outcome_; }
  const CpuState& state() const { return state_; }
  /// KVM may not have state(): also when it refused it, and no leg ran.
  bool dirty() const { return dirty_; }
  /// It was to get off what lies at its program counter, and did not come to it.
  bool must_get_off() const { return get_off_; }
  /// The last leg was a step.
  bool stepped() const { return stepping_; }
  /// Its stop was told as a breakpoint here.
  bool at_breakpoint() const { return at_breakpoint_; }
  /// For the next Assignment, if no vCPU runs before.
  std::optional<unsigned> software_left() const { return software_left_; }

 private:
  std::optional<Leg> leg(kvm::Vcpu& vcpu);
  void hook(Leg& leg, kvm::Vcpu& vcpu);
  std::array<std::optional<std::uint64_t>, 4> side_addresses(kvm::Vcpu& vcpu);
  bool continue_in_software(kvm::Vcpu& vcpu);
  bool step_by_software(kvm::Vcpu& vcpu);
  bool may_step_by_software() const;
  bool follow_in_software(kvm::Vcpu& vcpu);
  bool lies_here(const Breakpoint& row) const;
  bool has_own_registers(kvm::Vcpu& vcpu);
  bool next_by_software();
  StopCause tidy(const StopCause& cause);
  void give_to_guest(kvm::Vcpu& vcpu, std::uint64_t dr6, bool goes_on);
  bool judge(kvm::Vcpu& vcpu, const Verdict& verdict);
  bool judge_step(kvm::Vcpu& vcpu);
  bool judge_hit(kvm::Vcpu& vcpu, const Hit& hit);
  bool judge_looks(kvm::Vcpu& vcpu);
  bool step_off(kvm::Vcpu& vcpu);
  bool simple_step();
  bool stop(gdb::StopReason reason, std::uint64_t address = 0, std::string console = {}, gdb::BreakpointSpec spec = {});
  bool tracing() const { return plan_->trace; }
  /// The next instruction is stepped because it is to be, not only to be looked at.
  bool asked_to_step() const { return task_.verb == Assignment::Verb::kStep || get_off_ || task_.alone; }

  RunContext& context_;
  const kvm::HostAbilities host_;
  std::shared_ptr<const Plan> plan_;
  const unsigned index_;
  Assignment task_;
  CpuState state_;
  bool dirty_;
  bool get_off_;
  bool stepping_ = false;  // the present leg is a step
  bool at_breakpoint_ = false;
  bool stepped_off_ = false;  // in software, and it is still to be judged
  CpuState launched_;         // what the present leg began with
  HandlerHooks hooks_;
  GuestRegisters guest_registers_;
  std::map<unsigned, std::optional<std::uint64_t>> handlers_;  // by vector, of this IDT
  std::optional<DescriptorTable> handlers_idt_;
  std::optional<unsigned> software_left_;  // as of the Assignment
  std::optional<bool> own_registers_;      // the guest has debug registers of its own enabled
  Backoff following_;
  unsigned to_follow_ = 0;  // instructions to do here, in the hope of coming to a breakpoint again
  unsigned followed_ = 0;   // since KVM did one
  std::optional<std::uint8_t> exception_;
  std::uint64_t dr6_ = 0;
  std::vector<MemoryOperand> operands_;  // of the present leg's instruction, when reads are looked for
  Outcome outcome_ = Parked{};
};

}  // namespace vmm
