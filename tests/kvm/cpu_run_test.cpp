// What a vCPU's run leaves for the I/O thread.
#include "vmm/debug/cpu_run.hpp"

#include <catch2/catch.hpp>

#include "tests/kvm/guest.hpp"

using namespace vmm;
using namespace vmm::test;

namespace {

struct Stepper : Guest {
  Stepper() : Guest({0x90, 0x90, 0x90}) {}  // nop ×3
  std::shared_ptr<CpuRun> step_from(const CpuState& state) {
    const Assignment step{.verb = Assignment::Verb::kStep, .alone = true};
    auto course = std::make_shared<CpuRun>(context, std::make_shared<Plan>(), 0, state, true, step);
    report = run({.leg = {}, .course = course});
    return course;
  }
  gdb::x86::Layout layout{gdb::x86::Shape::kX86_64};
  RunContext context{.machine = machine,
                     .abilities = std::async(std::launch::deferred, [] { return kvm::probe(host()); }).share(),
                     .layout = layout,
                     .say = [](const std::string&) {}};
  StopReport report;
};

}  // namespace

TEST_CASE("a state that KVM refused is still to be set", "[debugger]") {
  Stepper stepper;
  CpuState impossible = stepper.machine.initial_state(0);
  impossible.cr0 |= kCr0Pg;  // but not PE (SDM 3A 2.5)
  const auto refused = stepper.step_from(impossible);
  REQUIRE(std::holds_alternative<HostFault>(stepper.report.cause));
  REQUIRE(refused->dirty());
  REQUIRE(refused->state() == impossible);
  CpuState possible = impossible;
  possible.cr0 &= ~kCr0Pg;
  const auto taken = stepper.step_from(possible);
  REQUIRE_FALSE(taken->dirty());
  REQUIRE(taken->state().rip == kCode + 1);
}

TEST_CASE("a step that has ended has left no TF of ours behind, though interrupts may have come", "[debugger]") {
  Stepper stepper;
  stepper.context.block_interrupts = false;
  CpuState state = stepper.machine.initial_state(0);
  state.rflags |= kRflagsIf;
  const auto stepped = stepper.step_from(state);
  REQUIRE(stepped->state().rip == kCode + 1);
  REQUIRE(stepper.context.loose_step_flags == 0);
}
