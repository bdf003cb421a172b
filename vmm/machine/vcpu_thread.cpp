#include "vmm/machine/vcpu_thread.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <mutex>
#include <string>

#include "vmm/base/errors.hpp"

namespace vmm {

namespace {

constexpr int kKickSignal = SIGUSR1;

thread_local volatile std::uint8_t* t_immediate_exit = nullptr;
thread_local std::optional<MachineRequest>* t_request = nullptr;

/// A signal that arrives outside KVM_RUN would be lost without this line.
#ifdef __SANITIZE_THREAD__
__attribute__((no_sanitize_thread))
#endif
void on_kick(int) {
  if (t_immediate_exit != nullptr) *t_immediate_exit = 1;
}

#ifdef __SANITIZE_THREAD__
// ThreadSanitizer's sigaction would put the handler off to a safe point of its own, which is after KVM_RUN: too late.
extern "C" int __sigaction(int, const struct sigaction*, struct sigaction*) noexcept;
constexpr auto install = &__sigaction;
#else
constexpr auto install = static_cast<int (*)(int, const struct sigaction*, struct sigaction*)>(&::sigaction);
#endif

void install_kick_handler() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action{};
    action.sa_handler = on_kick;
    install(kKickSignal, &action, nullptr);
  });
}

/// Everything but the kick belongs to the I/O thread.
void block_other_signals() {
  sigset_t all;
  sigfillset(&all);
  sigdelset(&all, kKickSignal);
  for (int fatal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) sigdelset(&all, fatal);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

template <typename... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};

bool is_step(const StopCause& cause) {
  const auto* trap = std::get_if<DebugTrap>(&cause);
  return trap != nullptr && trap->only_step();
}

std::uint64_t load(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof value));
  return value;
}
void store(std::span<std::byte> bytes, std::uint64_t value) {
  std::memcpy(bytes.data(), &value, std::min(bytes.size(), sizeof value));
}

/// Keeps the vCPU's place in the turnstile from an entry to the end of its instruction.
class Turn {
 public:
  explicit Turn(Turnstile& turnstile) : turnstile_(turnstile) {}
  ~Turn() { leave(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  void enter() {
    if (!std::exchange(inside_, true)) turnstile_.enter([](pthread_t thread) { pthread_kill(thread, kKickSignal); });
  }
  void leave() {
    if (std::exchange(inside_, false)) turnstile_.leave();
  }

 private:
  Turnstile& turnstile_;
  bool inside_ = false;
};

}  // namespace

VcpuThread::VcpuThread(unsigned index, const kvm::Vm& vm, Bus& ports, Bus& mmio, AccessWatch& watch, StopSink sink)
    : index_(index), ports_(ports), mmio_(mmio), watch_(watch), sink_(std::move(sink)) {
  install_kick_handler();
  std::promise<void> started;
  std::future<void> result = started.get_future();
  thread_ = std::thread([this, &vm, started = std::move(started)]() mutable { body(vm, std::move(started)); });
  try {
    result.get();
  } catch (...) {
    thread_.join();
    throw;
  }
}

VcpuThread::~VcpuThread() {
  mailbox_.post(QuitCommand{});
  kick();
  thread_.join();
}

void VcpuThread::kick() { pthread_kill(thread_.native_handle(), kKickSignal); }

void VcpuThread::request_from_device(MachineRequest request) {
  VMM_CHECK(t_request != nullptr);
  *t_request = request;
}

void VcpuThread::body(const kvm::Vm& vm, std::promise<void> started) {
  block_other_signals();
  pthread_setname_np(pthread_self(), fmt::format("vcpu{}", index_).c_str());
  tid_ = gettid();
  std::optional<kvm::Vcpu> vcpu;
  try {
    vcpu.emplace(vm, index_);
  } catch (...) {
    started.set_exception(std::current_exception());
    return;
  }
  t_immediate_exit = vcpu->immediate_exit_flag();
  t_request = &request_;
  AccessWatch::listen(&seen_);
  started.set_value();
  for (bool quit = false; !quit;) {
    VcpuCommand command = mailbox_.wait();
    std::visit(Overloaded{[&](RunOrder& order) { obey(*vcpu, order); },
                          [](StopCommand) {},  // parked already: that stop has been reported
                          [&](QuitCommand) { quit = true; }, [&](TaskCommand& task) { task(*vcpu); }},
               command);
  }
  t_immediate_exit = nullptr;
}

void VcpuThread::depart(kvm::Vcpu& vcpu, const Leg& leg) {
  if (leg.state) vcpu.set_state(*leg.state);
  if (leg.wake) vcpu.set_running();
  constexpr std::uint8_t kVectorDb = 1;
  if (leg.exception == kVectorDb) {
    vcpu.raise_debug_exception(leg.dr6);
  } else if (leg.exception) {
    vcpu.inject_exception(*leg.exception, std::nullopt);
  }
  vcpu.set_debug(leg.debug);
}

void VcpuThread::obey(kvm::Vcpu& vcpu, const RunOrder& order) {
  StopReport report{.vcpu = index_, .cause = Interrupted{}, .state = {}};
  Leg leg;
  if (order.paused) vcpu.note_paused();
  try {
    std::optional<Leg> next = order.course ? order.course->first(vcpu) : order.leg;
    while (next) {
      leg = *std::exchange(next, std::nullopt);
      depart(vcpu, leg);
      report.cause = run_until_stop(vcpu, leg.debug);
      report.state = vcpu.state();
      if (order.course) next = order.course->next(vcpu, report.cause, report.state);
    }
  } catch (const std::exception& error) {
    report.cause = HostFault{error.what()};
    if (leg.state) report.state = *leg.state;
  }
  sink_(std::move(report));
}

StopCause VcpuThread::run_until_stop(kvm::Vcpu& vcpu, const kvm::DebugControl& debug) {
  seen_.reset();
  replan_.reset();
  constexpr DebugTrap kStepped{.exception = 1, .dr6 = DebugTrap::kSingleStep};
  const bool step = debug.step;
  std::optional<CpuState> start;
  if (step || debug.trap_debug) start = vcpu.state();
  int stale = 0;                    // #DBs after which nothing had changed
  std::optional<StopCause> wanted;  // park with this once nothing is half done
  bool accessed = false;            // the instruction being stepped has left KVM for a device
  Turn turn(watch_.turnstile());
  for (;;) {
    turn.enter();
    // The order of these three lines is the stop protocol: see mailbox.hpp.
    vcpu.set_immediate_exit(false);
    if (!wanted && mailbox_.stop_wanted()) wanted = Interrupted{};
    if (!wanted && watch_.take(seen_)) wanted = *std::exchange(seen_, std::nullopt);
    if (wanted || accessed) vcpu.set_immediate_exit(true);
    kvm::Exit exit = vcpu.run();
    exits_[exit.index()].fetch_add(1, std::memory_order_relaxed);
    const bool settled = std::holds_alternative<kvm::ExitInterrupted>(exit);
    // KVM's emulator forgets that it steps when a write leaves for a device (the FIXME in x86_emulate_instruction).
    if (settled && accessed && !wanted && vcpu.state().rip != start->rip) return kStepped;
    if (settled && wanted) return *wanted;
    const bool half_done = std::holds_alternative<kvm::ExitIo>(exit) || std::holds_alternative<kvm::ExitMmio>(exit);
    accessed = step && half_done;
    std::optional<StopCause> cause = handle(exit, vcpu);
    // Stale (HostAbilities::stale_step), or a jump to itself, to which once more makes no difference.
    constexpr int kMostStale = 16;  // one for each exit that the instruction needs: tables, its fetch, its operands
    if (start && cause && is_step(*cause) && stale < kMostStale) {
      const CpuState state = vcpu.state();
      if (state.rip == start->rip && state.gpr == start->gpr) {
        ++stale;
        vcpu.set_debug(debug);
        continue;
      }
    }
    // What a device asks for, and an access seen, outrank the step that ended with the same instruction; a trap
    // outranks a mere stop request.
    if (cause) return wanted && !std::holds_alternative<Interrupted>(*wanted) ? *wanted : *cause;
    if (request_) {
      wanted = *std::exchange(request_, std::nullopt);
      seen_.reset();
    } else if (seen_ && (!wanted || std::holds_alternative<Interrupted>(*wanted))) {
      wanted = *std::exchange(seen_, std::nullopt);  // of one instruction, the first
    } else if (replan_ && !wanted) {
      wanted = *std::exchange(replan_, std::nullopt);
    }
    if (!half_done && !wanted) turn.leave();
  }
}

std::optional<StopCause> VcpuThread::handle(kvm::Exit& exit, kvm::Vcpu& vcpu) {
  using Result = std::optional<StopCause>;
  return std::visit(
      Overloaded{
          [&](kvm::ExitIo& io) -> Result {
            serve(io);
            return {};
          },
          [&](kvm::ExitMmio& access) -> Result {
            serve(access, vcpu);
            return {};
          },
          [&](kvm::ExitMsr& access) -> Result {
            serve(access, vcpu);
            return {};
          },
          [](kvm::ExitDebug& debug) -> Result { return DebugTrap{debug.exception, debug.dr6}; },
          [](kvm::ExitInterrupted&) -> Result { return {}; },
          [](kvm::ExitHalt&) -> Result { return HostFault{"HLT left KVM although it has the interrupt chips"}; },
          [](kvm::ExitShutdown&) -> Result { return TripleFault{}; },
          [](kvm::ExitEmulationFailure& failure) -> Result { return EmulationFailure{std::move(failure.bytes)}; },
          [](kvm::ExitHostFault& fault) -> Result { return HostFault{std::move(fault.text)}; }},
      exit);
}

void VcpuThread::serve(kvm::ExitIo& io) {
  for (std::uint32_t i = 0; i < io.count; ++i) {
    const auto element = io.data.subspan(std::size_t{i} * io.size, io.size);
    if (io.in) {
      store(element, ports_.read(io.port, io.size));
    } else {
      ports_.write(io.port, io.size, load(element));
    }
    watch_.note({.space = WatchedAccess::Space::kPort,
                 .write = !io.in,
                 .address = io.port,
                 .size = io.size,
                 .value = load(element)},
                seen_);
  }
}

void VcpuThread::serve(kvm::ExitMmio& access, kvm::Vcpu& vcpu) {
  if (watch_.any_page() && watch_.serve(access, seen_)) {
    if (access.write) {
      if (watch_.is_push(access.address, vcpu.state())) replan_ = StackOnPage{kvm::page_of(access.address)};
    } else if (watch_.is_stale(access.address, vcpu.state())) {
      replan_ = OutOfDate{};
    }
    return;
  }
  const auto size = static_cast<unsigned>(access.data.size());
  if (access.write) {
    mmio_.write(access.address, size, load(access.data));
  } else {
    store(access.data, mmio_.read(access.address, size));
  }
  watch_.note({.space = WatchedAccess::Space::kMmio,
               .write = access.write,
               .address = access.address,
               .size = size,
               .value = load(access.data)},
              seen_);
}

void VcpuThread::serve(kvm::ExitMsr& access, kvm::Vcpu& vcpu) {
  const std::uint64_t before = access.write ? vcpu.msr(access.index) : 0;
  const std::optional<std::uint64_t> value = vcpu.complete_msr(access);
  if (!value) return;
  watch_.note({.space = WatchedAccess::Space::kMsr,
               .write = access.write,
               .address = access.index,
               .size = 1,
               .value = *value,
               .before = before},
              seen_);
}

bool VcpuThread::asleep_since_last_look() {
  std::ifstream status(fmt::format("/proc/self/task/{}/status", tid_.load()));
  bool asleep = false;
  std::uint64_t switches = 0;
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("State:")) asleep = line.find("S (") != std::string::npos;
    if (line.find("ctxt_switches:") != std::string::npos) switches += std::stoull(line.substr(line.find(':') + 1));
  }
  return std::exchange(last_switches_, switches) == switches && asleep;
}

}  // namespace vmm
