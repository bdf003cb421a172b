// What a stop means, as a table: cause, host and breakpoints in, verdict out.
#include "vmm/debug/traps.hpp"

#include <catch2/catch.hpp>

#include "vmm/cpu/entry_state.hpp"
#include "vmm/debug/breakpoints.hpp"
#include "vmm/memory/layout.hpp"

using namespace vmm;

namespace {

constexpr std::uint64_t kPc = 0x1000;

struct Bench {
  Bench() : breakpoints(std::async(std::launch::deferred, [this] { return host; }).share(), {}) {
    host.int3_real = kvm::TrapEffect::kDebugExit;
    breakpoints.use(memory, planted);
  }
  void plant(std::uint64_t address) {
    REQUIRE(breakpoints.insert({gdb::BreakpointType::kSoftware, address, 1}));
    const CpuState* states[] = {&state};
    plan = breakpoints.plan(states);
  }
  Verdict interpret(const StopCause& cause, bool stepping = false) {
    return vmm::interpret(cause, state, {*plan, memory, host, {}, stepping});
  }

  kvm::HostAbilities host;
  GuestMemory memory{layout::kMinRam};
  CpuState state = real_mode_entry({}, kPc);
  PlantedBytes planted{memory};
  Breakpoints breakpoints;
  std::shared_ptr<const Plan> plan = std::make_shared<Plan>();
};

}  // namespace

TEST_CASE("our int3 is the user's breakpoint, any other is the guest's") {
  Bench bench;
  bench.plant(kPc);
  REQUIRE(std::get<Hit>(bench.interpret(DebugTrap{3, 0})).reason == gdb::StopReason::kSoftwareBreakpoint);
  bench.state = real_mode_entry({}, kPc + 8);
  REQUIRE(std::get<GoOn>(bench.interpret(DebugTrap{3, 0})).exception == 3);
}

TEST_CASE("an emulation failure is our trap, the guest's int3, or a crash that shows the bytes") {
  Bench bench;
  const GoOn own = std::get<GoOn>(bench.interpret(EmulationFailure{{std::byte{0xcc}}}));
  REQUIRE(own.exception == 3);
  REQUIRE(own.state->rip == kPc + 1);
  const Crash crash = std::get<Crash>(bench.interpret(EmulationFailure{{std::byte{0x0f}, std::byte{0xa2}}}));
  REQUIRE(crash.signal == gdb::Signal::kIllegal);
  REQUIRE_THAT(crash.text, Catch::Contains("0f a2") && Catch::Contains("0x1000"));
}

TEST_CASE("a #DB is the end of our step, or the guest's own") {
  Bench bench;
  REQUIRE(std::holds_alternative<StepDone>(bench.interpret(DebugTrap{1, DebugTrap::kSingleStep}, true)));
  REQUIRE(std::get<GoOn>(bench.interpret(DebugTrap{1, DebugTrap::kSingleStep}, false)).exception == 1);
}

TEST_CASE("crashes say what happened and keep the machine's request apart") {
  Bench bench;
  REQUIRE_THAT(std::get<Crash>(bench.interpret(TripleFault{})).text, Catch::Contains("triple fault at 0x1000"));
  REQUIRE_THAT(std::get<Crash>(bench.interpret(HostFault{"broken"})).text, Catch::Contains("broken"));
  REQUIRE(std::holds_alternative<MachineRequest>(bench.interpret(MachineRequest{})));
  REQUIRE(std::holds_alternative<Parked>(bench.interpret(Interrupted{})));
}
