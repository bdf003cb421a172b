// Interrupt delivery in software: gates, frames, the way back to user mode, and what a step leaves behind.
#include "vmm/debug/interrupt_frame.hpp"

#include <catch2/catch.hpp>

#include "vmm/cpu/entry_state.hpp"
#include "vmm/memory/layout.hpp"

using namespace vmm;

namespace {

constexpr std::uint64_t kTables = 0x5000;
constexpr std::uint64_t kIdt = 0x6000;
constexpr std::uint64_t kStack = 0x7000;
constexpr std::uint64_t kCode = 0x1000;
constexpr std::uint64_t kUserCode = 0x33;  // the descriptors that user_descriptors() puts behind the boot GDT
constexpr std::uint64_t kUserData = 0x3b;

struct Bench {
  Bench() {
    memory.write(kTables, boot_tables(kTables));
    memory.store<std::uint64_t>(0x8000, 0x9007);
    memory.store<std::uint64_t>(0x9000, 0xa007);
    memory.store<std::uint64_t>(0xa000, 0x87);
    long_mode.gpr[kRsp] = flat.gpr[kRsp] = kStack;
  }
  void code(std::initializer_list<unsigned> bytes) {
    std::uint64_t at = kCode;
    for (unsigned byte : bytes) memory.store(at++, static_cast<std::byte>(byte));
  }
  void user_descriptors(CpuState& state) {
    constexpr std::uint64_t kGdt = 0xb000;
    memory.store<std::uint64_t>(kGdt + (kUserCode & ~7U), 0x00affb000000ffff);
    memory.store<std::uint64_t>(kGdt + (kUserData & ~7U), 0x00cff3000000ffff);
    state.gdt = {.base = kGdt, .limit = 0x3f};
  }
  void frame(const InterruptFrame& frame, std::uint64_t address = kStack) { memory.store(address, frame); }

  GuestMemory memory{layout::kMinRam};
  CpuState long_mode = long64_entry({}, kCode, 0x8000, kTables);
  CpuState flat = protected32_entry({}, kCode, kTables);
};

}  // namespace

TEST_CASE("the handler of a vector, by gates of 16 and of 8 bytes") {
  Bench bench;
  bench.long_mode.idt = bench.flat.idt = {.base = kIdt, .limit = 0xfff};
  bench.memory.store<std::uint64_t>(kIdt + 14 * 16, 0x12348e0000085678);
  bench.memory.store<std::uint64_t>(kIdt + 14 * 16 + 8, 0xffffffff);
  REQUIRE(handler_of(bench.long_mode, bench.memory, 14) == 0xffffffff12345678);
  bench.memory.store<std::uint64_t>(kIdt + 0x80 * 8, 0x0010ee0000081234);
  REQUIRE(handler_of(bench.flat, bench.memory, 0x80) == 0x101234);
}

TEST_CASE("no handler: real mode, beyond the limit, not present") {
  Bench bench;
  REQUIRE_FALSE(handler_of(real_mode_entry({}, kCode), bench.memory, 3));
  bench.flat.idt = {.base = kIdt, .limit = 0x1f};
  REQUIRE_FALSE(handler_of(bench.flat, bench.memory, 3));
  REQUIRE_FALSE(handler_of(bench.flat, bench.memory, 200));
}

TEST_CASE("back to user mode as IRETQ would go") {
  Bench bench;
  bench.user_descriptors(bench.long_mode);
  const InterruptFrame frame{.rip = 0x400000, .cs = kUserCode, .rflags = 0x202, .rsp = 0x500000, .ss = kUserData};
  const auto user = return_to_user(bench.long_mode, bench.memory, frame);
  REQUIRE(user);
  REQUIRE(cpl_of(*user) == 3);
  REQUIRE(user->rip == 0x400000);
  REQUIRE(user->gpr[kRsp] == 0x500000);
  REQUIRE(user->segments[kDs].unusable);  // was the kernel's
  InterruptFrame kernel = frame;
  kernel.cs = kBootCode64;
  REQUIRE_FALSE(return_to_user(bench.long_mode, bench.memory, kernel));
}

TEST_CASE("which software interrupt comes next") {
  Bench bench;
  bench.code({0xcd, 0x80});
  REQUIRE(software_interrupt_at(bench.flat, bench.memory) == 0x80U);
  bench.code({0xcc, 0x80});
  REQUIRE(software_interrupt_at(bench.flat, bench.memory) == 3U);
  bench.code({0x90, 0xcd});
  REQUIRE_FALSE(software_interrupt_at(bench.flat, bench.memory));
}

TEST_CASE("a step that ended in a handler leaves no TF in the frame, behind an error code and a push either") {
  for (std::uint64_t words : {0, 1, 2}) {
    Bench bench;
    bench.code({0x90, 0x90});
    CpuState after = bench.long_mode;
    after.gpr[kRsp] = kStack - 0x100;
    const std::uint64_t place = after.gpr[kRsp] + 8 * words;
    bench.frame({.rip = kCode, .cs = kBootCode64, .rflags = 0x302, .rsp = kStack, .ss = kBootData}, place);
    without_step_flag(bench.long_mode, after, bench.memory);
    REQUIRE(bench.memory.load<InterruptFrame>(place)->rflags == 0x202);
  }
}

TEST_CASE("a frame that is not this step's, and a TF that is the guest's own, stay") {
  Bench bench;
  bench.code({0x90, 0x90});
  CpuState after = bench.long_mode;
  after.gpr[kRsp] = kStack - 0x100;
  bench.frame({.rip = kCode, .cs = kBootCode64, .rflags = 0x302, .rsp = 0x1234, .ss = kBootData}, after.gpr[kRsp]);
  without_step_flag(bench.long_mode, after, bench.memory);
  REQUIRE(bench.memory.load<InterruptFrame>(after.gpr[kRsp])->rflags == 0x302);
  bench.frame({.rip = kCode, .cs = kBootCode64, .rflags = 0x302, .rsp = kStack, .ss = kBootData}, after.gpr[kRsp]);
  CpuState own = bench.long_mode;
  own.rflags |= kRflagsTf;
  without_step_flag(own, after, bench.memory);
  REQUIRE(bench.memory.load<InterruptFrame>(after.gpr[kRsp])->rflags == 0x302);
}

TEST_CASE("PUSHF pushes no TF of ours, SYSCALL keeps none in R11") {
  Bench bench;
  bench.code({0x9c, 0x90});
  CpuState after = bench.long_mode;
  after.gpr[kRsp] -= 8;
  bench.memory.store<std::uint64_t>(after.gpr[kRsp], 0x346);
  without_step_flag(bench.long_mode, after, bench.memory);
  REQUIRE(bench.memory.load<std::uint64_t>(after.gpr[kRsp]) == 0x246);

  bench.code({0x0f, 0x05});
  after.gpr[kR11] = 0x346;
  REQUIRE(without_step_flag(bench.long_mode, after, bench.memory).gpr[kR11] == 0x246);
}
