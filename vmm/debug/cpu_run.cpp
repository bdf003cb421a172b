#include "vmm/debug/cpu_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "vmm/cpu/page_walk.hpp"
#include "vmm/debug/breakpoint_actions.hpp"
#include "vmm/debug/interrupt_frame.hpp"
#include "vmm/debug/software_step.hpp"

namespace vmm {

namespace {

/// Instructions done here behind or off breakpoints before KVM brings what waits for this CPU, such as an interrupt.
constexpr unsigned kMostFollowed = 256;

}  // namespace

CpuRun::CpuRun(RunContext& context, std::shared_ptr<const Plan> plan, unsigned vcpu, const CpuState& state, bool dirty,
               const Assignment& assignment)
    : context_(context),
      host_(context.abilities.get()),
      plan_(std::move(plan)),
      index_(vcpu),
      task_(assignment),
      state_(state),
      dirty_(dirty),
      get_off_(assignment.get_off),
      stepping_(assignment.stepped),
      software_left_(assignment.software_left) {}

std::optional<Leg> CpuRun::first(kvm::Vcpu& vcpu) {
  if (get_off_ && task_.verb == Assignment::Verb::kContinue && !step_off(vcpu)) return {};
  return leg(vcpu);
}

std::optional<Leg> CpuRun::next(kvm::Vcpu& vcpu, const StopCause& reported, const CpuState& state) {
  state_ = state;
  dirty_ = false;
  // A step of such an instruction neither halts the CPU nor changes its debug registers.
  const bool simple = stepping_ && host_.step_enters_handlers && software_left_.value_or(0) > 0 &&
                      looks_simple(launched_, context_.machine.memory(), context_.machine.planted());
  if (!simple) software_left_.reset();
  if (!simple) own_registers_.reset();
  followed_ = 0;
  outcome_ = Parked{};
  StopCause cause = tidy(reported);
  std::uint64_t guests = 0;
  if (auto* trap = std::get_if<DebugTrap>(&cause); trap != nullptr && !host_.guest_registers_beside) {
    guests = guest_registers_.take(trap->dr6);
    if (stepping_ && guest_registers_.known() && at_debug_register_move(launched_, context_.machine.memory())) {
      guest_registers_.forget();
    }
    if ((trap->dr6 & DebugTrap::kGeneral) != 0) {
      get_off_ = true;
      return leg(vcpu);
    }
    const bool nothing_else = (trap->dr6 & (DebugTrap::kSingleStep | DebugTrap::kRegisters)) == 0;
    if (guests != 0 && nothing_else) {
      give_to_guest(vcpu, guests, true);
      return leg(vcpu);
    }
  }
  const TrapContext traps{.plan = *plan_,
                          .memory = context_.machine.memory(),
                          .host = host_,
                          .hooks = hooks_,
                          .stepping = stepping_,
                          .planted = task_.planted && !tracing()};
  const bool goes_on = judge(vcpu, interpret(cause, state_, traps));
  if (guests != 0) give_to_guest(vcpu, guests, goes_on);
  if (!goes_on) return {};
  return leg(vcpu);
}

/// What a debug register of the guest's own has fired, besides whatever else the stop was.
void CpuRun::give_to_guest(kvm::Vcpu& vcpu, std::uint64_t dr6, bool goes_on) {
  constexpr std::uint8_t kVectorDb = 1;
  if (guest_registers_.any_fault(dr6)) {
    state_.rflags |= kRflagsRf;
    dirty_ = true;
  }
  if (goes_on) {
    exception_ = kVectorDb;
    dr6_ |= dr6;
    return;
  }
  if (dirty_) vcpu.set_state(state_);
  dirty_ = false;
  software_left_ = 0;  // else it would come an instruction late
  vcpu.raise_debug_exception(dr6);
}

// --- how it departs ---------------------------------------------------------------------------------------

std::optional<Leg> CpuRun::leg(kvm::Vcpu& vcpu) {
  if (!follow_in_software(vcpu)) return {};
  launched_ = state_;
  while (std::exchange(stepped_off_, false) || continue_in_software(vcpu) || step_by_software(vcpu)) {
    if (!judge(vcpu, StepDone{})) return {};
    launched_ = state_;
  }
  const bool asked = asked_to_step();
  const bool step = asked || tracing();
  Leg leg;
  if (dirty_) leg.state = state_;
  leg.wake = std::exchange(task_.wake, false);
  leg.exception = std::exchange(exception_, std::nullopt);
  leg.dr6 = std::exchange(dr6_, 0);
  leg.debug.step = step;
  // A guest that is stepped only to be looked at must have its interrupts.
  leg.debug.block_interrupts = asked && context_.block_interrupts;
  leg.debug.registers = step && !tracing() ? plan_->watch_registers() : plan_->registers;
  for (auto& row : leg.debug.registers) {
    const bool here = row && row->kind == kvm::DebugRegister::Kind::kExecute && row->address == linear_pc(state_);
    if (step && here) row.reset();
  }
  leg.debug.trap_int3 = task_.planted && !tracing() && plan_->any_in_memory();
  const bool stepped_before = std::exchange(stepping_, step);
  leg.debug.trap_debug = context_.step_flag_loose || (stepped_before && host_.stale_step);
  hook(leg, vcpu);
  if (!host_.guest_registers_beside) guest_registers_.arm(vcpu, leg.debug);
  const bool interruptible =
      !(leg.debug.block_interrupts && host_.block_interrupts) && (state_.rflags & kRflagsIf) != 0;
  if (step && interruptible && (state_.rflags & kRflagsTf) == 0) context_.step_flag_loose = true;
  operands_.clear();
  if (tracing() && steps_for_reads(*plan_)) operands_ = memory_operands(state_, context_.machine.memory());
  return leg;
}

/// Debug registers on the guest's handlers, where the host would else lose control.
void CpuRun::hook(Leg& leg, kvm::Vcpu& vcpu) {
  const auto watch = [&](std::uint64_t address) {
    if (stepping_ && address == linear_pc(state_)) return;  // it would hit before the step is done, for ever
    const auto free = std::ranges::find_if(leg.debug.registers, [](const auto& row) { return !row; });
    if (free != leg.debug.registers.end()) *free = kvm::DebugRegister{.address = address};
  };
  const auto hook_handler = [&](unsigned vector, std::optional<std::uint64_t>& address) {
    address = handler_of(state_, context_.machine.memory(), vector);
    if (address) watch(*address);
  };
  hooks_ = {};
  if (stepping_ && !host_.step_enters_handlers) {
    hooks_.step_ends_at = side_addresses(vcpu);
    for (const auto& address : hooks_.step_ends_at) {
      if (address) watch(*address);
    }
  }
  if (stepping_ && !host_.step_user && cpl_of(state_) == 3) hook_handler(1, hooks_.debug_handler);
  if (task_.planted && plan_->user_traps && !tracing()) hook_handler(3, hooks_.breakpoint_handler);
}

/// Where the step of a CPU may end, beside behind its instruction: the CPU clears TF on the way into a handler, so by
/// itself it would stop only when that has returned (SDM 3B 18.3.1.4).
std::array<std::optional<std::uint64_t>, 4> CpuRun::side_addresses(kvm::Vcpu& vcpu) {
  const SideExits exits = side_exits(state_, context_.machine.memory());
  std::array<std::optional<std::uint64_t>, 4> found;
  auto next = found.begin();
  const auto add = [&](std::optional<std::uint64_t> address) {
    if (!address || *address == linear_pc(state_) || std::ranges::find(found, address) != found.end()) return;
    *next++ = address;
  };
  if (exits.entry_msr) add(vcpu.msr(*exits.entry_msr));
  if (handlers_idt_ != state_.idt) {
    handlers_.clear();
    handlers_idt_ = state_.idt;
  }
  for (const unsigned vector : exits.vectors) {
    const auto [row, is_new] = handlers_.try_emplace(vector);
    if (is_new) row->second = handler_of(state_, context_.machine.memory(), vector);
    add(row->second);
  }
  return found;
}

/// On hosts where a step over them would lose control: IRETQ to user mode, ENDBR64, and HLT, which KVM's emulator
/// forgets at the end of a step and remembers at an instruction that comes later, such as the first of an interrupt's
/// handler. They are done here, when they are to be stepped.
bool CpuRun::continue_in_software(kvm::Vcpu& vcpu) {
  if (!(asked_to_step() || tracing()) || host_.step_user || cpl_of(state_) != 0) return false;
  const GuestMemory& memory = context_.machine.memory();
  constexpr std::array kHlt{std::byte{0xf4}};
  constexpr std::array kIretq{std::byte{0x48}, std::byte{0xcf}};
  constexpr std::array kEndbr64{std::byte{0xf3}, std::byte{0x0f}, std::byte{0x1e}, std::byte{0xfa}};
  std::array<std::byte, 4> bytes{};
  const std::size_t read = read_linear(state_, memory, context_.machine.planted(), linear_pc(state_), bytes);
  const auto at = [&](std::span<const std::byte> code) {
    return read >= code.size() && std::ranges::equal(std::span(bytes).first(code.size()), code);
  };
  const auto pass = [&](std::span<const std::byte> code) {
    if (!at(code)) return false;
    state_.rip += code.size();
    state_.rflags &= ~kRflagsRf;
    return dirty_ = true;
  };
  if (pass(kHlt)) {
    vcpu.set_halted();
    software_left_ = 0;
    task_.wake = false;
    return true;
  }
  if (mode_of(state_) != CpuMode::kLong64) return false;
  if (pass(kEndbr64)) return true;
  // Let it go, where that is no loss: it comes back by itself with the next exception or interrupt.
  if (!at(kIretq) || !(asked_to_step() || plan_->user_matters)) return false;
  const auto frame = frame_at(state_, memory, state_.gpr[kRsp]);
  const auto user = frame ? return_to_user(state_, memory, *frame) : std::nullopt;
  if (!user) return false;
  state_ = *user;
  dirty_ = true;
  return true;
}

/// The simple instructions among those that are stepped without interrupts are done here, many times faster than by
/// KVM, which does one now and then: so a request to stop is heard, and whatever KVM has for this CPU comes.
bool CpuRun::step_by_software(kvm::Vcpu& vcpu) {
  constexpr unsigned kMost = 1000;
  if (!may_step_by_software()) return false;
  if (!software_left_) {
    // Asking KVM costs as much as a step.
    if (!looks_simple(state_, context_.machine.memory(), context_.machine.planted())) return false;
    const bool may = vcpu.activity() == kvm::Vcpu::Activity::kRunning && !has_own_registers(vcpu);
    software_left_ = may ? kMost : 0;
  }
  return next_by_software();
}

bool CpuRun::may_step_by_software() const {
  // A single step beside other CPUs is to give them time.
  const bool steps = task_.verb == Assignment::Verb::kStep && (task_.range || task_.alone);
  const bool looked_at = tracing() || task_.lifted || plan_->any_watch();
  return steps && !looked_at && !task_.wake && !exception_ && context_.block_interrupts && host_.block_interrupts;
}

bool CpuRun::next_by_software() {
  if (*software_left_ == 0) return false;
  --*software_left_;
  return simple_step();
}

/// Behind a breakpoint whose condition did not hold the guest often comes to it again soon. A few instructions done
/// here cost less than two entries of the guest: to get off it, and to run into it. False: it is not to run on.
bool CpuRun::follow_in_software(kvm::Vcpu& vcpu) {
  const bool follows = to_follow_ > 0 && task_.verb == Assignment::Verb::kContinue && !task_.alone && !tracing();
  if (!follows || task_.wake || exception_ || plan_->any_watch() || has_own_registers(vcpu)) return true;
  bool came_again = stepped_off_ = false;
  for (; to_follow_ > 0 && followed_ < kMostFollowed; ++followed_) {
    const Breakpoint* row = get_off_ ? nullptr : plan_->at(linear_pc(state_));
    if (row != nullptr && lies_here(*row)) {
      came_again = true;
      if (!judge_hit(vcpu, hit_of(*row))) return false;
      stepped_off_ = false;  // a vCPU that goes on has no use for the end of a step
      continue;
    }
    --to_follow_;
    if (!simple_step()) break;
  }
  to_follow_ = 0;
  if (came_again) {
    following_.succeeded();
  } else {
    following_.failed();
  }
  return true;
}

/// What was planted on a promise may lie elsewhere than where its address leads so far.
bool CpuRun::lies_here(const Breakpoint& row) const {
  if (row.mechanism != Breakpoint::Mechanism::kMemory) return true;
  const auto place = walk(state_, context_.machine.memory(), row.spec.address);
  return place && std::ranges::find(row.places, place->physical, &Breakpoint::Place::physical) != row.places.end();
}

bool CpuRun::has_own_registers(kvm::Vcpu& vcpu) {
  if (!own_registers_) own_registers_ = GuestRegisters::any(vcpu);
  return *own_registers_;
}

bool CpuRun::step_at_once() {
  if (task_.range || !software_left_ || !may_step_by_software() || !next_by_software()) return false;
  stop(gdb::StopReason::kSignal);
  return true;
}

// --- what a stop leads to; true: it runs on -----------------------------------------------------------------

/// Takes out of the state, and of the guest's memory, what a step of ours left there.
StopCause CpuRun::tidy(const StopCause& reported) {
  StopCause cause = reported;
  if (stepping_) {
    const CpuState before = state_;
    state_ = without_step_flag(launched_, state_, context_.machine.memory());
    dirty_ = state_ != before;
  }
  auto* trap = std::get_if<DebugTrap>(&cause);
  if (trap != nullptr && context_.step_flag_loose && !stepping_ && (trap->dr6 & DebugTrap::kSingleStep) != 0 &&
      (state_.rflags & kRflagsTf) != 0) {
    trap->dr6 &= ~DebugTrap::kSingleStep;
    state_.rflags &= ~kRflagsTf;
    dirty_ = true;
  }
  return cause;
}

bool CpuRun::stop(gdb::StopReason reason, std::uint64_t address, std::string console, gdb::BreakpointSpec spec) {
  gdb::StopEvent event;
  event.thread = index_ + 1;
  event.reason = reason;
  event.address = address;
  event.console = std::move(console);
  outcome_ = Stopped{std::move(event), spec};
  return false;
}

bool CpuRun::judge(kvm::Vcpu& vcpu, const Verdict& verdict) {
  const auto adopt = [&](const std::optional<CpuState>& state) {
    if (!state) return;
    state_ = *state;
    dirty_ = true;
  };
  if (const auto* go_on = std::get_if<GoOn>(&verdict)) {
    adopt(go_on->state);
    exception_ = go_on->exception;
    dr6_ = go_on->dr6;
    return !go_on->step_over || step_off(vcpu);
  }
  if (const auto* done = std::get_if<StepDone>(&verdict)) {
    adopt(done->state);
    get_off_ = at_breakpoint_ = false;
    return judge_step(vcpu);
  }
  if (const auto* hit = std::get_if<Hit>(&verdict)) {
    adopt(hit->state);
    get_off_ = false;
    return judge_hit(vcpu, *hit);
  }
  if (const auto* caught = std::get_if<Caught>(&verdict)) {
    get_off_ = false;
    const Breakpoint* handler = plan_->caught_at(linear_pc(state_));
    at_breakpoint_ = handler != nullptr;
    return stop(gdb::StopReason::kSignal, 0, caught->text);
  }
  if (const auto* crash = std::get_if<Crash>(&verdict)) {
    // The emulator knows fewer instructions than the CPU, which would do this one if the page let it.
    const bool may_be_the_page = crash->signal == gdb::Signal::kIllegal && !plan_->pages.empty() && !task_.lifted;
    if (may_be_the_page) {
      get_off_ = true;
      outcome_ = NeedsStillness{.unprotected = true};
    } else if (crash->signal == gdb::Signal::kIllegal && cpl_of(state_) == 3) {
      constexpr std::uint8_t kVectorUd = 6;  // as KVM has it: a program must not stop the machine
      exception_ = kVectorUd;
      return true;
    } else {
      outcome_ = *crash;
    }
    return false;
  }
  if (const auto* request = std::get_if<MachineRequest>(&verdict)) outcome_ = *request;
  if (const auto* stack = std::get_if<StackOnPage>(&verdict)) outcome_ = *stack;
  if (const auto* news = std::get_if<OutOfDate>(&verdict)) outcome_ = *news;
  return false;
}

/// Off what lies at the program counter: a register is simply not armed for one step; over a byte in memory a simple
/// instruction is done in software; else the byte must be taken out, which another CPU could slip through.
bool CpuRun::step_off(kvm::Vcpu& vcpu) {
  get_off_ = true;
  if (!task_.planted || tracing()) return true;
  const auto place = walk(state_, context_.machine.memory(), linear_pc(state_));
  if (!place || !plan_->plants(place->physical)) return true;
  // Where no data watchpoint and no register of the guest's own would notice.
  const bool may = followed_ < kMostFollowed && !plan_->any_watch() && !has_own_registers(vcpu);
  if (may && simple_step()) {
    ++followed_;
    return stepped_off_ = true;
  }
  outcome_ = NeedsStillness{.unprotected = false};
  return false;
}

/// The next instruction, done here if it can be.
bool CpuRun::simple_step() {
  Machine& machine = context_.machine;
  const auto behind = step_in_software(state_, machine.memory(), machine.planted(), [&](const DataAccess& access) {
    return machine.watch().covers(access.physical);
  });
  if (!behind) return false;
  state_ = *behind;
  get_off_ = at_breakpoint_ = false;
  return dirty_ = true;
}

bool CpuRun::judge_hit(kvm::Vcpu& vcpu, const Hit& hit) {
  at_breakpoint_ = false;
  if (hit.reason >= gdb::StopReason::kWriteWatch) return stop(hit.reason, hit.address, {}, hit.spec);
  const std::uint64_t pc = linear_pc(state_);
  if (!plan_->counts_in(pc, state_.cr3)) return step_off(vcpu);
  StoppedCpu cpu(context_.machine, vcpu, state_, context_.layout, context_.say);
  for (const Breakpoint& row : plan_->all_at(pc)) {
    const HitVerdict verdict = run_actions(*row.actions, cpu);
    (verdict.counts ? row.counts->hits : row.counts->passes).fetch_add(1, std::memory_order_relaxed);
    if (!verdict.stops) continue;
    at_breakpoint_ = true;
    return stop(hit_of(row).reason, 0, verdict.why, row.spec);
  }
  constexpr unsigned kNear = 64;
  to_follow_ = following_.due() ? kNear : 0;
  return step_off(vcpu);
}

/// What is found by looking after each instruction.
bool CpuRun::judge_looks(kvm::Vcpu& vcpu) {
  if (const auto row = read_by_step(operands_, launched_, state_, *plan_)) {
    const Breakpoint& watch = plan_->rows.at(*row);
    plan_->values->changed(plan_->rows, *row);
    return judge_hit(vcpu, hit_of(watch));
  }
  const auto* cr3 = plan_->catchpoint(Catchpoint::Kind::kCr3);
  if (cr3 != nullptr && state_.cr3 != launched_.cr3) {
    return stop(gdb::StopReason::kSignal, 0,
                tell(*cr3, state_, fmt::format("{:#x} -> {:#x}", launched_.cr3, state_.cr3)));
  }
  if (tracing() || task_.lifted) {
    if (const auto changed = plan_->values->changed(plan_->rows)) {
      const Breakpoint& watch = plan_->rows.at(*changed);
      if (watch.spec.type != gdb::BreakpointType::kReadWatch) return judge_hit(vcpu, hit_of(watch));
    }
  }
  const auto* hypercall = plan_->catchpoint(Catchpoint::Kind::kHypercall);
  if (hypercall != nullptr && at_hypercall(state_, context_.machine.memory())) {
    const auto& gpr = state_.gpr;
    return stop(gdb::StopReason::kSignal, 0,
                tell(*hypercall, state_,
                     fmt::format("rax {:#x}, rbx {:#x}, rcx {:#x}, rdx {:#x}, rsi {:#x}", gpr[kRax], gpr[kRbx],
                                 gpr[kRcx], gpr[kRdx], gpr[kRsi])));
  }
  return true;
}

/// A step has ended: is that what was wanted?
bool CpuRun::judge_step(kvm::Vcpu& vcpu) {
  const std::uint64_t pc = linear_pc(state_);
  if (!judge_looks(vcpu)) return false;
  const bool asked = task_.verb == Assignment::Verb::kStep;
  if (asked && (!task_.range || !task_.range->contains(pc))) return stop(gdb::StopReason::kSignal);
  if (asked || tracing()) {
    if (const Breakpoint* row = plan_->at(pc)) return judge_hit(vcpu, hit_of(*row));
    if (const Breakpoint* row = plan_->caught_at(pc)) {
      return judge(vcpu, Caught{tell_exception(*row->catchpoint, state_, context_.machine.memory())});
    }
  }
  if (task_.alone && !task_.solo) {
    outcome_ = Detour{};
    return false;
  }
  return true;
}

}  // namespace vmm
