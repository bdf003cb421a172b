#include "vmm/debug/registers.hpp"

#include <catch2/catch.hpp>

#include "vmm/cpu/entry_state.hpp"
#include "vmm/memory/layout.hpp"

using namespace vmm;
using gdb::x86::Register;
using gdb::x86::Value;

namespace {

constexpr std::uint64_t kTables = 0x5000;

struct Bench {
  Bench() { memory.write(kTables, boot_tables(kTables)); }
  gdb::Result<CpuState> write(const CpuState& state, Register reg, std::uint64_t number) {
    return with_register(state, memory, reg, Value::of(number));
  }
  GuestMemory memory{layout::kMinRam};
  CpuState real = real_mode_entry({}, 0x7c00);
  CpuState flat = protected32_entry({}, 0x100000, kTables);
};

}  // namespace

TEST_CASE("every integer register reads back what was written") {
  Bench bench;
  std::uint64_t number = 0x1111;
  for (auto reg = Register::kRax; reg <= Register::kR15; reg = static_cast<Register>(static_cast<int>(reg) + 1)) {
    number += 0x1111;
    const auto changed = bench.write(bench.flat, reg, number);
    REQUIRE(changed);
    REQUIRE(get_register(*changed, reg).number() == number);
  }
  for (Register reg : {Register::kCr0, Register::kCr2, Register::kCr3, Register::kCr4, Register::kCr8, Register::kEfer,
                       Register::kFsBase, Register::kGsBase}) {
    REQUIRE(get_register(*bench.write(bench.flat, reg, 0x40), reg).number() == 0x40);
  }
}

TEST_CASE("the program counter is linear, whatever the segment") {
  Bench bench;
  CpuState state = real_mode_entry({}, 0x12340);
  REQUIRE(state.segments[kCs].base != 0);
  REQUIRE(get_register(state, Register::kRip).number() == 0x12340);
  REQUIRE(get_register(state, Register::kEip).number() == 0x12340);
  const auto moved = bench.write(state, Register::kRip, 0x12345);
  REQUIRE(moved);
  REQUIRE(linear_pc(*moved) == 0x12345);
  REQUIRE(moved->segments[kCs] == state.segments[kCs]);
}

TEST_CASE("a program counter outside the code segment is refused with a sentence") {
  Bench bench;
  const auto refused = bench.write(bench.real, Register::kRip, 0x20000);
  REQUIRE_FALSE(refused);
  REQUIRE_THAT(refused.error().text, Catch::Contains("write $cs first"));
}

TEST_CASE("a selector brings its segment: shifted in real mode, from the table in protected mode") {
  Bench bench;
  const auto real = bench.write(bench.real, Register::kDs, 0x1234);
  REQUIRE(real->segments[kDs].base == 0x12340);
  const auto flat = bench.write(bench.flat, Register::kDs, kBootData);
  REQUIRE(flat->segments[kDs].limit == 0xffffffff);
  REQUIRE_FALSE(bench.write(bench.flat, Register::kDs, 0x7f8));
  REQUIRE_FALSE(bench.write(bench.flat, Register::kSs, kBootCode32));
}

TEST_CASE("32-bit views show the low half, and writing one clears the high half") {
  Bench bench;
  CpuState state = bench.flat;
  state.gpr[kRcx] = 0x1122334455667788;
  REQUIRE(get_register(state, Register::kEcx).number() == 0x55667788);
  REQUIRE(bench.write(state, Register::kEcx, 0x99)->gpr[kRcx] == 0x99);
  REQUIRE(bench.write(state, Register::kEsp, 0x8000)->gpr[kRsp] == 0x8000);
  REQUIRE(bench.write(state, Register::kEbx, 7)->gpr[kRbx] == 7);
}

TEST_CASE("the tag word is the full one, made of the abridged one and the values") {
  ExtendedState state;
  REQUIRE(get_register(state, Register::kFtag).number() == 0xffff);
  state.fsw = 7U << 11;              // TOP = 7: ST(0) is R7, ST(1) is R0
  state.ftw = 0x81;                  // both in use
  state.st[0][7] = std::byte{0x80};  // 1.0
  state.st[0][8] = std::byte{0xff};
  state.st[0][9] = std::byte{0x3f};
  REQUIRE(get_register(state, Register::kFtag).number() == 0x3ffd);  // R7 valid, R0 zero
  const auto emptied = with_register(state, Register::kFtag, Value::of(0xfffd));
  REQUIRE(emptied->ftw == 0x01);
}

TEST_CASE("every x87 and SSE register reads back what was written") {
  ExtendedState state;
  for (int i = static_cast<int>(Register::kKGsBase); i <= static_cast<int>(Register::kYmm15h); ++i) {
    const auto reg = static_cast<Register>(i);
    if (!is_extended(reg) || reg == Register::kFtag) continue;
    const auto changed = with_register(state, reg, Value::of(0x25));
    REQUIRE(changed);
    REQUIRE(get_register(*changed, reg).number() == 0x25);
    REQUIRE(*changed != state);
  }
  REQUIRE_FALSE(with_register(state, Register::kMxcsr, Value::of(0x10000)));
}
