// What a vCPU's run leaves for the I/O thread.
#include "vmm/debug/cpu_run.hpp"

#include <catch2/catch.hpp>

#include "tests/kvm/guest.hpp"

using namespace vmm;
using namespace vmm::test;

TEST_CASE("a state that KVM refused is still to be set", "[debugger]") {
  const Code nops{0x90, 0x90, 0x90};
  Guest guest(nops);
  const gdb::x86::Layout layout(gdb::x86::Shape::kX86_64);
  RunContext context{.machine = guest.machine,
                     .abilities = std::async(std::launch::deferred, [] { return kvm::probe(host()); }).share(),
                     .layout = layout,
                     .say = [](const std::string&) {}};
  const auto step_from = [&](const CpuState& state) {
    const Assignment step{.verb = Assignment::Verb::kStep, .alone = true};
    auto run = std::make_shared<CpuRun>(context, std::make_shared<Plan>(), 0, state, true, step);
    const StopReport report = guest.run({.leg = {}, .course = run});
    REQUIRE(std::holds_alternative<HostFault>(report.cause) == run->dirty());
    return run;
  };
  CpuState impossible = guest.machine.initial_state(0);
  impossible.cr0 |= kCr0Pg;  // but not PE (SDM 3A 2.5)
  const auto refused = step_from(impossible);
  REQUIRE(refused->dirty());
  REQUIRE(refused->state() == impossible);
  CpuState possible = impossible;
  possible.cr0 &= ~kCr0Pg;
  const auto taken = step_from(possible);
  REQUIRE_FALSE(taken->dirty());
  REQUIRE(taken->state().rip == kCode + 1);
}
