#include "vmm/cpu/entry_state.hpp"

#include <catch2/catch.hpp>

#include "vmm/cpu/segment.hpp"
#include "vmm/memory/layout.hpp"

using namespace vmm;

namespace {
CpuState reset_state() {
  CpuState reset;
  reset.apic_base = 0xfee00900;
  reset.rip = 0xfff0;
  reset.gpr[kRdx] = 0x600;
  reset.cr0 = 0x60000010;
  return reset;
}
}  // namespace

TEST_CASE("real mode starts with CS 0 below 64 KiB, else at the paragraph") {
  const CpuState low = real_mode_entry(reset_state(), 0x7c00);
  REQUIRE(mode_of(low) == CpuMode::kReal);
  REQUIRE(low.segments[kCs].selector == 0);
  REQUIRE(low.rip == 0x7c00);
  REQUIRE(low.gpr[kRdx] == 0);
  REQUIRE(low.idt.limit == 0x3ff);
  REQUIRE(low.apic_base == 0xfee00900);
  const CpuState high = real_mode_entry(reset_state(), 0xffff5);
  REQUIRE(high.segments[kCs].selector == 0xffff);
  REQUIRE(high.rip == 5);
  REQUIRE(linear_pc(high) == 0xffff5);
}

TEST_CASE("the hidden parts are those of the table in memory, so that reloading changes nothing") {
  GuestMemory memory(layout::kMiB);
  constexpr std::uint64_t kTables = 0x9f000;
  memory.write(kTables, boot_tables(kTables));
  const bool long_mode = GENERATE(false, true);
  CpuState state = long_mode ? long64_entry(reset_state(), 0x100000, 0x8000, kTables)
                             : protected32_entry(reset_state(), 0x100000, kTables);
  REQUIRE(mode_of(state) == (long_mode ? CpuMode::kLong64 : CpuMode::kProtected32));
  REQUIRE(linear_pc(state) == 0x100000);
  REQUIRE(state.rflags == 2);
  state.cr0 &= ~kCr0Pg;  // the test has no page tables; the GDT is at its linear address anyway
  for (const auto which : {kCs, kSs, kDs, kEs, kFs, kGs}) {
    REQUIRE(load_segment(state, memory, which, state.segments.at(which).selector) == state.segments.at(which));
  }
  const auto descriptor = memory.load<std::uint64_t>(kTables + kBootTss);
  REQUIRE(decode_descriptor(*descriptor, kBootTss) == state.tr);
}

TEST_CASE("task register and LDT pass the VT-x entry checks") {
  for (const CpuState& state :
       {protected32_entry(reset_state(), 0, 0x9f000), long64_entry(reset_state(), 0, 0, 0x9f000)}) {
    REQUIRE(state.tr.type == 11);
    REQUIRE(state.tr.present);
    REQUIRE_FALSE(state.tr.code_or_data);
    REQUIRE_FALSE(state.tr.unusable);
    REQUIRE(state.tr.limit == 0x67);
    REQUIRE(state.ldt.unusable);
    REQUIRE(state.segments[kCs].type == 11);
    REQUIRE(state.segments[kSs].type == 3);
  }
}
