// The Debugger as the protocol sees it: a Target, with an I/O loop of the test's own.
#include <sys/resource.h>

#include <catch2/catch.hpp>

#include "tests/kvm/guest.hpp"
#include "vmm/base/errors.hpp"
#include "vmm/debug/debugger.hpp"

using namespace vmm;
using namespace vmm::test;
using gdb::BreakpointSpec;
using gdb::BreakpointType;
using gdb::StopReason;
using gdb::x86::Register;

namespace {

/// Work posted to the I/O thread, which here is the test's.
class Loop {
 public:
  void post(std::function<void()> work) {
    {
      const std::lock_guard lock(mutex_);
      work_.push_back(std::move(work));
    }
    arrived_.notify_one();
  }
  void run_one() {
    std::unique_lock lock(mutex_);
    REQUIRE(arrived_.wait_for(lock, std::chrono::seconds(60), [this] { return !work_.empty(); }));
    const auto work = std::move(work_.front());
    work_.pop_front();
    lock.unlock();
    work();
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::function<void()>> work_;
};

struct Bench final : gdb::TargetListener {
  explicit Bench(Code image, DebuggerOptions options = {.wait = true}, unsigned cpus = 1)
      : code(std::move(image)),
        config(code.config(cpus)),
        debugger({.build =
                      [this](StopSink sink) {
                        return std::make_unique<Machine>(host(), config, console_port, std::move(sink), [] {});
                      },
                  .post = [this](std::function<void()> work) { loop.post(std::move(work)); },
                  .hurry = [] {},
                  .end = [this](int status) { exit_code = status; },
                  .abilities = std::async(std::launch::deferred, [] { return kvm::probe(host()); }).share()},
                 {}, options) {}

  void stopped(const gdb::StopEvent& event) override { events.push_back(event); }
  void console(std::string_view text) override { said += text; }

  gdb::StopEvent next() {
    while (events.empty()) loop.run_one();
    gdb::StopEvent event = events.front();
    events.pop_front();
    return event;
  }
  gdb::StopEvent resume(gdb::ResumePlan::Verb verb = gdb::ResumePlan::Verb::kContinue) {
    REQUIRE(debugger.resume({.actions = {{.verb = verb, .signal = {}, .thread = {}}}}));
    return next();
  }
  std::uint64_t get(Register reg) { return debugger.read_register(1, reg)->number(); }
  void insert(std::uint64_t address, BreakpointType type = BreakpointType::kSoftware) {
    REQUIRE(debugger.breakpoints()->insert({.type = type, .address = address, .kind = 1}, {}));
  }
  void remove(std::uint64_t address) {
    REQUIRE(debugger.breakpoints()->remove({.type = BreakpointType::kSoftware, .address = address, .kind = 1}));
  }

  Loop loop;
  Sink console_port;
  Code code;  // kept for resets
  MachineConfig config;
  std::deque<gdb::StopEvent> events;
  std::string said;
  std::optional<int> exit_code;
  Debugger debugger;
};

/// While it lives, no file can be opened: KVM makes no VM.
class NoMoreFiles {
 public:
  NoMoreFiles() {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const rlimit none{.rlim_cur = 0, .rlim_max = before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  }
  ~NoMoreFiles() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoMoreFiles(const NoMoreFiles&) = delete;
  NoMoreFiles& operator=(const NoMoreFiles&) = delete;

 private:
  rlimit before_{};
};

// 1000: inc bx · nop ×6 · jmp 1000
const Code kCount{0x43, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xeb, 0xf7};

}  // namespace

TEST_CASE("attached at the first instruction, stepped, read and written", "[debugger]") {
  Bench bench(kCount);
  bench.debugger.attach(bench);
  REQUIRE(bench.next().signal == gdb::Signal::kTrap);
  REQUIRE(bench.get(Register::kRip) == kCode);
  REQUIRE(bench.resume(gdb::ResumePlan::Verb::kStep).signal == gdb::Signal::kTrap);
  REQUIRE(bench.get(Register::kRbx) == 1);
  REQUIRE(bench.debugger.write_register(1, Register::kRbx, gdb::x86::Value::of(0x40)));
  REQUIRE(bench.debugger.write_register(1, Register::kRip, gdb::x86::Value::of(kCode)));
  bench.resume(gdb::ResumePlan::Verb::kStep);
  REQUIRE(bench.get(Register::kRbx) == 0x41);
}

TEST_CASE("seven breakpoints, in registers and in memory, are hit in order and never show", "[debugger]") {
  Bench bench(kCount);
  bench.debugger.attach(bench);
  bench.next();
  for (std::uint64_t address = kCode; address < kCode + 7; ++address) bench.insert(address);
  for (std::uint64_t hit = 0; hit < 70; ++hit) {
    const gdb::StopEvent event = bench.resume();
    REQUIRE(event.reason == StopReason::kSoftwareBreakpoint);
    REQUIRE(bench.get(Register::kRip) == kCode + hit % 7);
    std::array<std::byte, 9> code{};
    REQUIRE(bench.debugger.read_memory(1, gdb::AddressSpace::kLinear, kCode, code) == code.size());
    REQUIRE(code[1] == std::byte{0x90});
  }
  REQUIRE(bench.get(Register::kRbx) == 10);
}

TEST_CASE("a jump onto a breakpoint hits it, a continue from one does not", "[debugger]") {
  Bench bench(kCount);
  bench.debugger.attach(bench);
  bench.next();
  bench.insert(kCode + 1);
  bench.resume();
  REQUIRE(bench.debugger.write_register(1, Register::kRip, gdb::x86::Value::of(kCode + 1)));
  bench.resume();
  REQUIRE(bench.get(Register::kRbx) == 1);
  bench.resume();
  REQUIRE(bench.get(Register::kRbx) == 2);
}

TEST_CASE("attach to a running guest, interrupt, detach, again and again", "[debugger]") {
  Bench bench(kCount, {.wait = false});
  for (int round = 0; round < rounds(50); ++round) {
    bench.debugger.attach(bench);
    bench.next();
    REQUIRE_FALSE(bench.debugger.running());
    REQUIRE(bench.debugger.resume({.actions = {{}}}));
    bench.debugger.interrupt();
    REQUIRE(bench.next().signal == gdb::Signal::kInterrupt);
    bench.insert(kCode + 3);
    REQUIRE(bench.resume().reason == StopReason::kSoftwareBreakpoint);
    bench.debugger.detach();
    REQUIRE(bench.debugger.running());
  }
}

TEST_CASE("while the guest runs: vCont;t stops it, another resume and the monitor are refused", "[debugger]") {
  Bench bench(kCount);
  bench.debugger.attach(bench);
  bench.next();
  REQUIRE(bench.debugger.resume({.actions = {{}}}));
  REQUIRE_FALSE(bench.debugger.resume({.actions = {{}}}));
  REQUIRE_FALSE(bench.debugger.monitor()->command("info registers"));
  REQUIRE_FALSE(bench.debugger.monitor()->command("reset"));
  REQUIRE(bench.debugger.monitor()->command("help"));
  REQUIRE(bench.debugger.resume({.actions = {{.verb = gdb::ResumePlan::Verb::kStop, .signal = {}, .thread = {}}}}));
  REQUIRE(bench.next().signal == gdb::Signal::kNone);
}

TEST_CASE("a connection lost while the guest runs: its breakpoints go, the guest stays", "[debugger]") {
  Bench bench(kCount);
  bench.debugger.attach(bench);
  bench.next();
  for (std::uint64_t address = kCode + 1; address < kCode + 7; ++address) bench.insert(address + 0x100);
  REQUIRE(bench.debugger.resume({.actions = {{}}}));
  bench.debugger.disconnected();
  bench.debugger.attach(bench);
  bench.next();
  REQUIRE(bench.resume(gdb::ResumePlan::Verb::kStep).reason == StopReason::kSignal);
  std::array<std::byte, 8> beyond{};
  REQUIRE(bench.debugger.read_memory(1, gdb::AddressSpace::kPhysical, kCode + 0x100, beyond));
  REQUIRE(beyond == std::array<std::byte, 8>{});
}

TEST_CASE("a triple fault stops for the debugger and ends the program without one", "[debugger]") {
  Bench held(triple_fault_code());
  held.debugger.attach(held);
  held.next();
  const gdb::StopEvent event = held.resume();
  REQUIRE(event.signal == gdb::Signal::kSegv);
  REQUIRE_THAT(event.console, Catch::Contains("triple fault at 0x1"));

  Bench alone(triple_fault_code(), {.wait = false});
  while (!alone.exit_code) alone.loop.run_one();
  REQUIRE(alone.exit_code == Debugger::kExitCrash);
}

TEST_CASE("a reset by the guest starts it anew, breakpoints stay", "[debugger]") {
  Bench bench({0x43, 0x90, 0xb0, 0xfe, 0xe6, 0x64, 0xf4});  // inc bx · nop · mov al, 0xfe · out 0x64, al
  bench.debugger.attach(bench);
  bench.next();
  bench.insert(kCode + 1);
  for (int round = 0; round < 3; ++round) {
    bench.resume();
    REQUIRE(bench.get(Register::kRbx) == 1);
  }
  REQUIRE_THAT(bench.said, Catch::Contains("reset"));
}

TEST_CASE("a reset for which the host has no room is refused, and the machine is as before", "[debugger]") {
  Bench bench(kCount);
  bench.debugger.attach(bench);
  bench.next();
  bench.insert(kCode + 1);
  bench.resume();
  bench.resume();
  {
    const NoMoreFiles full;
    const auto refused = bench.debugger.monitor()->command("reset");
    REQUIRE_FALSE(refused);
    REQUIRE_THAT(refused.error().text, Catch::Contains("cannot be reset") && Catch::Contains("Too many open files"));
    REQUIRE_FALSE(bench.debugger.restart());
  }
  REQUIRE(bench.get(Register::kRbx) == 2);
  bench.resume();
  REQUIRE(bench.get(Register::kRbx) == 3);
  REQUIRE(bench.debugger.monitor()->command("reset"));
  REQUIRE(bench.get(Register::kRip) == kCode);
  bench.resume();
  REQUIRE(bench.get(Register::kRbx) == 1);
}

TEST_CASE("a guest's reset for which the host has no room is done when there is some", "[debugger]") {
  const Code code{0x43, 0xb0, 0xfe, 0xe6, 0x64, 0xf4};  // inc bx · mov al, 0xfe · out 0x64, al · hlt
  Bench bench(code);
  bench.debugger.attach(bench);
  bench.next();
  bench.resume(gdb::ResumePlan::Verb::kStep);
  {
    const NoMoreFiles full;
    REQUIRE_THAT(bench.resume().console, Catch::Contains("cannot be reset"));
    REQUIRE(bench.get(Register::kRbx) == 1);
    const auto refused = bench.debugger.resume({.actions = {{}}});
    REQUIRE_FALSE(refused);
    REQUIRE_FALSE(bench.debugger.running());
  }
  bench.insert(kCode + 1);
  bench.resume();
  REQUIRE(bench.get(Register::kRip) == kCode + 1);
  REQUIRE(bench.get(Register::kRbx) == 1);
  REQUIRE_THAT(bench.said, Catch::Contains("the guest reset the machine"));

  Bench alone(code, {.wait = true});
  alone.debugger.attach(alone);
  alone.next();
  alone.resume(gdb::ResumePlan::Verb::kStep);
  const NoMoreFiles full;
  alone.debugger.detach();
  const auto run = [&] {
    for (;;) alone.loop.run_one();
  };
  REQUIRE_THROWS_AS(run(), HostError);
}

TEST_CASE("a guest that halts for ever ends the program, or stops for the debugger", "[debugger]") {
  const Code halt{0xfa, 0xf4};
  Bench alone(halt, {.wait = false});
  while (!alone.exit_code) {
    alone.debugger.tick();
    alone.loop.post([] {});
    alone.loop.run_one();
  }
  REQUIRE(alone.exit_code == 0);

  Bench held(halt);
  held.debugger.attach(held);
  held.next();
  REQUIRE(held.debugger.resume({.actions = {{}}}));
  while (held.events.empty()) {
    held.debugger.tick();
    held.loop.post([] {});
    held.loop.run_one();
  }
  REQUIRE_THAT(held.next().console, Catch::Contains("halted"));
}

TEST_CASE("four debug registers, a fifth is refused with a sentence", "[debugger]") {
  Bench bench(kCount);
  for (std::uint64_t i = 0; i < 4; ++i) bench.insert(kCode + i, BreakpointType::kHardware);
  bench.insert(kCode, BreakpointType::kHardware);  // the same again
  const auto refused = bench.debugger.breakpoints()->insert({BreakpointType::kHardware, kCode + 5, 1}, {});
  REQUIRE_FALSE(refused);
  REQUIRE_THAT(refused.error().text, Catch::Contains("4 debug registers"));
}

TEST_CASE("a register write that the CPU would refuse says why and changes nothing", "[debugger]") {
  Bench bench(kCount);
  const auto refuse = [&](Register reg, std::uint64_t value) {
    const auto before = bench.get(reg);
    const auto result = bench.debugger.write_register(1, reg, gdb::x86::Value::of(value));
    REQUIRE_FALSE(result);
    REQUIRE_FALSE(result.error().text.empty());
    REQUIRE(bench.get(reg) == before);
  };
  refuse(Register::kRip, 0x20000);
  refuse(Register::kCr4, ~0ULL);
  refuse(Register::kFsBase, 0x8000000000000000);
  refuse(Register::kCs, 0x12345);
  REQUIRE(bench.debugger.write_register(1, Register::kDs, gdb::x86::Value::of(0x1234)));
  REQUIRE(bench.get(Register::kDs) == 0x1234);
}

TEST_CASE("two vCPUs, one waiting for its SIPI: stop, step and threads", "[debugger]") {
  Bench bench(kCount, {.wait = true}, 2);
  bench.debugger.attach(bench);
  bench.next();
  REQUIRE(bench.debugger.threads() == std::vector<gdb::ThreadId>{1, 2});
  REQUIRE(bench.debugger.resume({.actions = {{}}}));
  bench.debugger.interrupt();
  REQUIRE(bench.next().signal == gdb::Signal::kInterrupt);
  const gdb::ResumePlan step_one{.actions = {{.verb = gdb::ResumePlan::Verb::kStep, .signal = {}, .thread = 1},
                                             {.verb = {}, .signal = {}, .thread = {}}}};
  for (int i = 0; i < 10; ++i) {
    REQUIRE(bench.debugger.resume(step_one));
    REQUIRE(bench.next().thread == 1);
  }
}

TEST_CASE("the time that the guest stands for its user does not pass on its clock", "[debugger]") {
  Bench bench(kCount);
  bench.debugger.attach(bench);
  bench.next();
  bench.resume(gdb::ResumePlan::Verb::kStep);
  const kvm::Vm& vm = bench.debugger.machine().vm();
  constexpr std::uint64_t kHour = 3'600'000'000'000;
  const std::uint64_t stopped_at = vm.clock();
  vm.set_clock(stopped_at + kHour);
  bench.resume(gdb::ResumePlan::Verb::kStep);
  REQUIRE(vm.clock() < stopped_at + kHour / 2);
}

TEST_CASE("a break and an hbreak at one place have a condition each", "[debugger]") {
  const auto condition = [](unsigned value) {
    const std::array code{std::byte{0x22}, static_cast<std::byte>(value), std::byte{0x27}};  // const8 VALUE · end
    gdb::BreakpointActions actions;
    actions.conditions.push_back(gdb::AgentExpression::verify(code, gdb::AgentUse::kCondition, {}).value());
    return actions;
  };
  Bench bench(kCount);
  bench.debugger.attach(bench);
  bench.next();
  const auto insert = [&](BreakpointType type, std::uint64_t address, unsigned value) {
    REQUIRE(bench.debugger.breakpoints()->insert({.type = type, .address = address, .kind = 1}, condition(value)));
  };
  insert(BreakpointType::kSoftware, kCode + 3, 0);
  insert(BreakpointType::kHardware, kCode + 3, 1);
  insert(BreakpointType::kHardware, kCode + 4, 0);
  insert(BreakpointType::kSoftware, kCode + 4, 1);
  for (unsigned round = 0; round < 2; ++round) {
    REQUIRE(bench.resume().reason == StopReason::kHardwareBreakpoint);
    REQUIRE(bench.get(Register::kRip) == kCode + 3);
    REQUIRE(bench.resume().reason == StopReason::kSoftwareBreakpoint);
    REQUIRE(bench.get(Register::kRip) == kCode + 4);
  }
}

TEST_CASE("watchpoints stop for what a device writes, with their address", "[debugger]") {
  constexpr std::uint64_t kCell = 0x3004;
  Bench bench({0xe6, 0xe9, 0x90, 0xeb, 0xfb});  // 1000: out 0xe9, al · 1002: nop · jmp 1000
  bench.debugger.attach(bench);
  bench.next();
  Machine& machine = bench.debugger.machine();
  std::uint8_t written = 0;
  bench.console_port.on_write = [&] {
    written = static_cast<std::uint8_t>(written + 1);
    machine.memory().store(kCell, static_cast<std::uint8_t>(written / 2));  // every second write changes nothing
    machine.watch().device_wrote(kCell, 1);
  };
  const auto insert = [&](BreakpointType type, std::uint64_t address) {
    REQUIRE(bench.debugger.breakpoints()->insert({.type = type, .address = address, .kind = 4}, {}));
  };
  insert(BreakpointType::kReadWatch, kCell);
  insert(BreakpointType::kWriteWatch, kCell);
  for (unsigned count : {2U, 4U, 6U}) {
    const gdb::StopEvent event = bench.resume();
    REQUIRE(event.reason == StopReason::kWriteWatch);
    REQUIRE(event.address == kCell);
    REQUIRE(written == count);
    REQUIRE(bench.get(Register::kRip) == kCode + 2);
  }
  insert(BreakpointType::kAccessWatch, kCell - 3);
  for (unsigned count : {7U, 8U}) {
    const gdb::StopEvent event = bench.resume();
    REQUIRE(written == count);
    REQUIRE(event.reason == (count == 7 ? StopReason::kAccessWatch : StopReason::kWriteWatch));
  }
}
