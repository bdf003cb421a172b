#include "tests/kvm/guest.hpp"
#include "vmm/kvm/bench.hpp"

using namespace vmm;
using kvm::Bench;
using kvm::ExitIo;
using kvm::ExitMsr;
using kvm::MsrRange;

namespace {

constexpr std::uint32_t kSysenterEip = 0x176;
constexpr std::uint32_t kEfer = 0xc0000080;

/// At CPL 0 in long mode: one instruction of two bytes on MSR `index`, then the end.
struct MsrGuest {
  static constexpr std::byte kRead{0x32};
  static constexpr std::byte kWrite{0x30};
  kvm::Exit run(std::byte instruction, std::uint32_t index, std::uint32_t low = 0) {
    bench.put(Bench::kCode, {std::byte{0x0f}, instruction, Bench::kOut, Bench::kEndPort});
    CpuState state = bench.kernel();
    state.gpr[kRcx] = index;
    state.gpr[kRax] = low;
    return bench.run(state);
  }
  Bench bench{test::host(), kvm::Vm::Chips::kNone};
};

}  // namespace

TEST_CASE("a trapped WRMSR leaves the guest with its value, and is done when we say so", "[vcpu]") {
  MsrGuest guest;
  kvm::Vcpu& vcpu = guest.bench.vcpu();
  if (const auto trapped = guest.bench.vm().trap_msrs(std::array{MsrRange{kSysenterEip}}); !trapped) {
    WARN("SKIPPED: " << trapped.error());
    return;
  }
  vcpu.set_msr(kSysenterEip, 0x1111);

  const kvm::Exit exit = guest.run(MsrGuest::kWrite, kSysenterEip, 0x2222);
  REQUIRE(std::holds_alternative<ExitMsr>(exit));
  const auto& access = std::get<ExitMsr>(exit);
  REQUIRE(access.write);
  REQUIRE(access.index == kSysenterEip);
  REQUIRE(access.data == 0x2222);
  REQUIRE(vcpu.msr(kSysenterEip) == 0x1111);

  REQUIRE(vcpu.complete_msr(access) == 0x2222);
  REQUIRE(std::holds_alternative<ExitIo>(guest.bench.resume()));
  REQUIRE(vcpu.msr(kSysenterEip) == 0x2222);
}

TEST_CASE("other MSRs, and all after the last is released, stay the guest's own business", "[vcpu]") {
  MsrGuest guest;
  if (!guest.bench.vm().trap_msrs(std::array{MsrRange{kSysenterEip}})) return;
  REQUIRE(std::holds_alternative<ExitIo>(guest.run(MsrGuest::kRead, kEfer)));
  guest.bench.settle();
  REQUIRE(guest.bench.vm().trap_msrs({}));
  REQUIRE(std::holds_alternative<ExitIo>(guest.run(MsrGuest::kRead, kSysenterEip)));
}

TEST_CASE("a trapped access that KVM refuses is the guest's #GP", "[vcpu]") {
  MsrGuest guest;
  constexpr std::uint32_t kNoSuchMsr = 0x12345;
  if (!guest.bench.vm().trap_msrs(std::array{MsrRange{kNoSuchMsr}})) return;

  const kvm::Exit exit = guest.run(MsrGuest::kRead, kNoSuchMsr);
  REQUIRE(std::holds_alternative<ExitMsr>(exit));
  REQUIRE_FALSE(guest.bench.vcpu().complete_msr(std::get<ExitMsr>(exit)));

  // The micro-guest has no IDT of long mode, so its #GP ends in a triple fault.
  REQUIRE(std::holds_alternative<kvm::ExitShutdown>(guest.bench.resume()));
}

TEST_CASE("the x2APIC's MSRs are refused in words", "[vcpu]") {
  MsrGuest guest;
  REQUIRE_FALSE(guest.bench.vm().trap_msrs(std::array{MsrRange{0x80b}}));
}

TEST_CASE("the guest's own debug registers can be read and set", "[vcpu]") {
  Bench bench(test::host(), kvm::Vm::Chips::kNone);
  kvm::GuestDebugRegisters registers = bench.vcpu().guest_debug_registers();
  REQUIRE(registers.dr7 == 0x400);  // reset state (SDM 3A 10.1.1)
  registers.db = {0x1000, 0x2000, 0x3000, 0x4000};
  registers.dr7 = 0x401;
  bench.vcpu().set_guest_debug_registers(registers);
  REQUIRE(bench.vcpu().guest_debug_registers() == registers);
}

TEST_CASE("the guest's clock can be set back, and a pause noted by a guest without kvmclock", "[vcpu]") {
  Bench bench(test::host(), kvm::Vm::Chips::kNone);
  constexpr std::uint64_t kHour = 3'600'000'000'000;
  bench.vm().set_clock(kHour);
  const std::uint64_t now = bench.vm().clock();
  REQUIRE(now >= kHour);
  bench.vm().set_clock(kHour);
  REQUIRE(bench.vm().clock() >= kHour);
  bench.vcpu().note_paused();
}
