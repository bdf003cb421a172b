// The loop's one subtle order (kvm-hosts.md, "Stop protocol with no lost kicks"), and its proofs.
#include <catch2/catch.hpp>

#include "tests/kvm/guest.hpp"
#include "vmm/base/errors.hpp"

using namespace vmm;
using namespace vmm::test;

namespace {

// 1000: jmp 1000
const Code kSpin{0xeb, 0xfe};
// 1000: mov al, 0 · 1002: in al, 0xe9 · 1004: mov bl, al · 1006: jmp 1000. Port 0xe9 reads as 0xe9.
const Code kPoll{0xb0, 0x00, 0xe4, 0xe9, 0x88, 0xc3, 0xeb, 0xf8};

}  // namespace

TEST_CASE("a stop request is never lost, and reported once", "[vcpu_thread]") {
  Guest guest(kSpin);
  for (int round = 0; round < rounds(3000); ++round) {
    guest.machine.vcpu(0).run({});
    guest.machine.vcpu(0).request_stop();
    const StopReport report = guest.reports.next();
    REQUIRE(std::holds_alternative<Interrupted>(report.cause));
    REQUIRE(report.state.rip == kCode);
    REQUIRE(guest.reports.empty());
  }
}

TEST_CASE("four vCPUs stop and go on, each reporting once a round", "[vcpu_thread]") {
  Guest guest(kSpin, 4);
  const CpuState spinning = guest.machine.initial_state(0);
  for (unsigned i = 1; i < 4; ++i) {
    guest.machine.vcpu(i).call([&](kvm::Vcpu& vcpu) {
      CpuState state = spinning;
      state.apic_base = vcpu.state().apic_base;
      vcpu.set_state(state);
      vcpu.set_running();
    });
  }
  for (int round = 0; round < rounds(500); ++round) {
    for (unsigned i = 0; i < 4; ++i) guest.machine.vcpu(i).run({});
    for (unsigned i = 0; i < 4; ++i) guest.machine.vcpu(i).request_stop();
    std::array<int, 4> reports{};
    for (unsigned i = 0; i < 4; ++i) ++reports.at(guest.reports.next().vcpu);
    REQUIRE(reports == std::array{1, 1, 1, 1});
  }
}

TEST_CASE("registers are never shown half way through a port read", "[vcpu_thread]") {
  Guest guest(kPoll);
  for (int round = 0; round < rounds(3000); ++round) {
    guest.machine.vcpu(0).run({});
    guest.machine.vcpu(0).request_stop();
    const CpuState state = guest.reports.next().state;
    const auto al = state.gpr[kRax] & 0xff;
    if (state.rip == 0x1002) REQUIRE(al == 0);
    if (state.rip == 0x1004 || state.rip == 0x1006) REQUIRE(al == 0xe9);
  }
}

TEST_CASE("a stop request to a parked vCPU is ignored", "[vcpu_thread]") {
  Guest guest(kSpin);
  guest.machine.vcpu(0).request_stop();
  guest.machine.vcpu(0).request_stop();
  REQUIRE(guest.machine.vcpu(0).call([](kvm::Vcpu& vcpu) { return vcpu.state().rip; }) == kCode);
  REQUIRE(guest.reports.empty());
}

TEST_CASE("a running vCPU thread can be ended", "[vcpu_thread]") {
  for (int round = 0; round < rounds(20); ++round) {
    Guest guest(kSpin);
    guest.machine.vcpu(0).run({});
  }
}

TEST_CASE("what a task on the vCPU thread throws reaches the caller", "[vcpu_thread]") {
  Guest guest(kSpin);
  REQUIRE_THROWS_AS(guest.machine.vcpu(0).call([](kvm::Vcpu&) -> int { throw HostError("no"); }), HostError);
}

TEST_CASE("a step executes one instruction, port reads included", "[vcpu_thread]") {
  Guest guest(kPoll);
  RunOrder step;
  step.leg.debug.step = true;
  for (const std::uint64_t rip : {0x1002, 0x1004, 0x1006, 0x1000, 0x1002}) {
    const StopReport report = guest.run(step);
    REQUIRE(std::holds_alternative<DebugTrap>(report.cause));
    REQUIRE(report.state.rip == rip);
    if (rip == 0x1004) REQUIRE((report.state.gpr[kRax] & 0xff) == 0xe9);
  }
}
