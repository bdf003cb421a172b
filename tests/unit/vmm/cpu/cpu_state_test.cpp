#include "vmm/cpu/cpu_state.hpp"

#include <catch2/catch.hpp>

using namespace vmm;

namespace {
CpuState state_of(CpuMode mode) {
  CpuState state;
  if (mode == CpuMode::kReal) return state;
  state.cr0 = kCr0Pe;
  if (mode == CpuMode::kVm86) state.rflags |= kRflagsVm;
  if (mode >= CpuMode::kCompat16) state.efer = kEferLma;
  state.segments[kCs].l = mode == CpuMode::kLong64;
  state.segments[kCs].db = mode == CpuMode::kProtected32 || mode == CpuMode::kCompat32;
  return state;
}
}  // namespace

TEST_CASE("the mode follows CR0, EFER, RFLAGS and CS") {
  for (const auto mode : {CpuMode::kReal, CpuMode::kVm86, CpuMode::kProtected16, CpuMode::kProtected32,
                          CpuMode::kCompat16, CpuMode::kCompat32, CpuMode::kLong64}) {
    REQUIRE(mode_of(state_of(mode)) == mode);
    REQUIRE_FALSE(name_of(mode).empty());
  }
}

TEST_CASE("the privilege level is that of SS, but for the 16-bit modes") {
  CpuState state = state_of(CpuMode::kProtected32);
  state.segments[kSs].dpl = 3;
  REQUIRE(cpl_of(state) == 3);
  state.cr0 = 0;
  REQUIRE(cpl_of(state) == 0);
  REQUIRE(cpl_of(state_of(CpuMode::kVm86)) == 3);
}

TEST_CASE("the linear program counter adds CS and wraps at 4 GiB, but in 64-bit mode") {
  CpuState real = state_of(CpuMode::kReal);
  real.segments[kCs].base = 0xf0000;
  real.rip = 0xfff0;
  REQUIRE(linear_pc(real) == 0xffff0);
  real.segments[kCs].base = 0xffff0000;
  real.rip = 0x10002;
  REQUIRE(linear_pc(real) == 2);
  CpuState long_mode = state_of(CpuMode::kLong64);
  long_mode.segments[kCs].base = 0x1000;
  long_mode.rip = 0xffffffff80000000;
  REQUIRE(linear_pc(long_mode) == 0xffffffff80000000);
}
