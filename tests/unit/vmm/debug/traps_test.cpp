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
  /// A watchpoint of one byte in debug register `index`.
  std::shared_ptr<Plan> watch(gdb::BreakpointType type, std::size_t index, bool compared) {
    auto watching = std::make_shared<Plan>();
    Breakpoint row;
    row.spec = {type, 0x2000, 1};
    row.pieces = {{0x2000, 1}};
    watching->rows = {row};
    watching->registers.at(index) = kvm::DebugRegister{kvm::DebugRegister::Kind::kWrite, 1, 0x2000};
    watching->owners.at(index) = {0};
    watching->compared.at(index) = compared;
    watching->values = std::make_shared<WatchedValues>(memory, watching->rows);
    plan = watching;
    return watching;
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

TEST_CASE("an access that was seen is a hit of the row that its id names") {
  Bench bench;
  auto plan = bench.watch(gdb::BreakpointType::kWriteWatch, 0, false);
  plan->rows.push_back(plan->rows[0]);
  plan->rows[1].spec = {gdb::BreakpointType::kAccessWatch, 0x3000, 8};
  const Hit write = std::get<Hit>(bench.interpret(WatchedAccess{.id = 0}));
  REQUIRE(write.reason == gdb::StopReason::kWriteWatch);
  REQUIRE(write.address == 0x2000);
  const Hit access = std::get<Hit>(bench.interpret(WatchedAccess{.id = 1, .address = 0x3004}));
  REQUIRE(access.reason == gdb::StopReason::kAccessWatch);
  REQUIRE(access.address == 0x3000);  // as the user gave it
  REQUIRE(access.spec.kind == 8);
}

TEST_CASE("an access that a catchpoint's number names is caught; without that catchpoint it is nobody's") {
  Bench bench;
  auto plan = std::make_shared<Plan>();
  auto row = std::make_shared<Catchpoint>();
  row->number = 7;
  row->kind = Catchpoint::Kind::kPort;
  row->value = 0x80;
  plan->catchpoints = {row};
  bench.plan = plan;
  const WatchedAccess access{.id = Plan::kCatchIds + 7,
                             .space = WatchedAccess::Space::kPort,
                             .write = true,
                             .address = 0x80,
                             .size = 1,
                             .value = 5};
  REQUIRE(std::get<Caught>(bench.interpret(access)).text ==
          "catchpoint 7: io port 0x80 written at 0x1000, 1 byte: unknown -> 0x5\n");
  REQUIRE(row->hits == 1);
  row->number = 8;
  REQUIRE(std::holds_alternative<GoOn>(bench.interpret(access)));
}

TEST_CASE("a triple fault says whether it is caught") {
  Bench bench;
  REQUIRE(std::get<Crash>(bench.interpret(TripleFault{})).caught.empty());
  auto row = std::make_shared<Catchpoint>();
  row->number = 3;
  row->kind = Catchpoint::Kind::kTripleFault;
  auto plan = std::make_shared<Plan>();
  plan->catchpoints.push_back(row);
  bench.plan = plan;
  REQUIRE(std::get<Crash>(bench.interpret(TripleFault{})).caught == "catchpoint 3: triple fault at 0x1000\n");
  REQUIRE(row->hits == 1);
}

TEST_CASE("a caught exception is told at its handler, a breakpoint there goes first") {
  Bench bench;
  auto plan = std::make_shared<Plan>();
  Breakpoint handler;
  handler.spec.address = kPc;
  handler.catchpoint = std::make_shared<Catchpoint>();
  plan->rows = {handler};
  plan->registers[0] = kvm::DebugRegister{.address = kPc};
  plan->owners[0] = {0};
  bench.plan = plan;
  REQUIRE_THAT(std::get<Caught>(bench.interpret(DebugTrap{1, 1})).text, Catch::Contains("exception 0 (#DE)"));
  Breakpoint own;
  own.spec = {gdb::BreakpointType::kHardware, kPc, 1};
  plan->rows.push_back(own);
  REQUIRE(std::get<Hit>(bench.interpret(DebugTrap{1, 1})).reason == gdb::StopReason::kHardwareBreakpoint);
}

TEST_CASE("a debug register of a watchpoint is a hit, when shared only if the bytes changed") {
  for (std::size_t index : {0U, 3U}) {
    Bench bench;
    bench.watch(gdb::BreakpointType::kReadWatch, index, false);
    REQUIRE(std::get<Hit>(bench.interpret(DebugTrap{1, std::uint64_t{1} << index})).reason ==
            gdb::StopReason::kReadWatch);
    bench.watch(gdb::BreakpointType::kWriteWatch, index, true);
    const DebugTrap trap{1, std::uint64_t{1} << index};
    const Verdict unchanged = bench.interpret(trap);
    REQUIRE(std::holds_alternative<GoOn>(unchanged));
    REQUIRE_FALSE(std::get<GoOn>(unchanged).exception);
    REQUIRE(std::holds_alternative<StepDone>(bench.interpret({DebugTrap{1, trap.dr6 | DebugTrap::kSingleStep}}, true)));
    bench.memory.store(0x2000, std::byte{1});
    REQUIRE(std::get<Hit>(bench.interpret(trap, true)).address == 0x2000);
  }
}

TEST_CASE("the guest's own #DB keeps of DR6 what is the guest's") {
  Bench bench;
  bench.watch(gdb::BreakpointType::kWriteWatch, 1, true);
  const auto own = [&](std::uint64_t dr6) { return std::get<GoOn>(bench.interpret(DebugTrap{1, dr6})); };
  REQUIRE(own(0b0001).exception == 1);
  REQUIRE(own(0b0001).dr6 == 0b0001);
  REQUIRE(own(0b0011).dr6 == 0b0001);  // ours too, where nothing changed
  REQUIRE_FALSE(own(0b0010).exception);
  REQUIRE(own(DebugTrap::kSingleStep | 0b1010).dr6 == (DebugTrap::kSingleStep | 0b1000));
  REQUIRE_FALSE(own(0).exception);
  REQUIRE(own(0xffff0ff0 | DebugTrap::kSingleStep).dr6 == DebugTrap::kSingleStep);
}

TEST_CASE("a stack found on a protected page is handed on") {
  Bench bench;
  REQUIRE(std::get<StackOnPage>(bench.interpret(StackOnPage{0x3000})).page == 0x3000);
}
