// Interrupt delivery in software: gates, frames, the way back to user mode, and what a step leaves behind.
#include "vmm/debug/interrupt_frame.hpp"

#include <array>
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

TEST_CASE("the handler of a vector in real mode") {
  Bench bench;
  CpuState real = real_mode_entry({}, kCode);
  real.idt = {.base = 0, .limit = 0x3ff};
  bench.memory.store<std::uint32_t>(0x10 * 4, 0xc0000123);
  REQUIRE(handler_of(real, bench.memory, 0x10) == 0xc0123);
  real.idt.limit = 0x42;
  REQUIRE_FALSE(handler_of(real, bench.memory, 0x10));
}

TEST_CASE("no handler: beyond the limit, not present") {
  Bench bench;
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

TEST_CASE("where an instruction may lead: INT n to its vector, SYSCALL to its MSR, others to what they may raise") {
  Bench bench;
  const auto vectors = [&](std::initializer_list<unsigned> bytes) {
    bench.code(bytes);
    return side_exits(bench.flat, bench.memory).vectors;
  };
  REQUIRE(vectors({0xcd, 0x80}) == std::vector{0x80U});
  REQUIRE(vectors({0x66, 0xcd, 0x81}) == std::vector{0x81U});
  REQUIRE(vectors({0xcc}) == std::vector{3U});
  REQUIRE(vectors({0xce}) == std::vector{4U});
  REQUIRE(vectors({0x90, 0xcd}) == std::vector{14U, 13U, 6U, 12U});
  REQUIRE(vectors({0x66, 0xf7, 0xf1}) == std::vector{14U, 13U, 6U, 0U});
  REQUIRE(vectors({0xd9, 0xe8}) == std::vector{14U, 13U, 6U, 7U});
  REQUIRE(vectors({0x48, 0xf7, 0xf1}) == std::vector{14U, 13U, 6U, 12U});  // dec eax
  bench.code({0x48, 0x0f, 0x05});
  REQUIRE(side_exits(bench.long_mode, bench.memory).entry_msr == 0xc0000082);
  bench.code({0x48, 0xf7, 0xf1});
  REQUIRE(side_exits(bench.long_mode, bench.memory).vectors.back() == 0);
}

TEST_CASE("VMCALL and VMMCALL are hypercalls, their neighbours are not") {
  Bench bench;
  const auto hypercall = [&](std::initializer_list<unsigned> bytes) {
    bench.code(bytes);
    return at_hypercall(bench.long_mode, bench.memory);
  };
  REQUIRE(hypercall({0x0f, 0x01, 0xc1}));
  REQUIRE(hypercall({0x0f, 0x01, 0xd9}));
  REQUIRE_FALSE(hypercall({0x0f, 0x01, 0xd0}));
  REQUIRE_FALSE(hypercall({0x0f, 0x05, 0xc1}));
}

TEST_CASE("an exception's origin stands on the stack, behind its error code") {
  Bench bench;
  const std::array<std::uint64_t, 3> words{0x2, 0x1234, 0x8};
  bench.memory.write(bench.long_mode.gpr[kRsp], std::as_bytes(std::span(words)));
  const auto fault = exception_origin(bench.long_mode, bench.memory, 14);
  REQUIRE(fault->error_code == 2);
  REQUIRE(fault->address == 0x1234);
  const auto divide = exception_origin(bench.long_mode, bench.memory, 0);
  REQUIRE_FALSE(divide->error_code);
  REQUIRE(divide->address == 2);
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

TEST_CASE("the same with frames of 32-bit and of 16-bit words") {
  Bench bench;
  bench.code({0xcd, 0x80});
  CpuState after = bench.flat;
  after.gpr[kRsp] = kStack - 12;
  bench.memory.store(after.gpr[kRsp], std::array<std::uint32_t, 3>{kCode + 2, kBootCode32, 0x302});
  without_step_flag(bench.flat, after, bench.memory);
  REQUIRE(bench.memory.load<std::uint32_t>(kStack - 4) == 0x202);

  CpuState edge = bench.flat;  // nothing is behind the frame
  edge.gpr[kRsp] = layout::kMinRam;
  after.gpr[kRsp] = layout::kMinRam - 12;
  bench.memory.store(after.gpr[kRsp], std::array<std::uint32_t, 3>{kCode + 2, kBootCode32, 0x302});
  without_step_flag(edge, after, bench.memory);
  REQUIRE(bench.memory.load<std::uint32_t>(layout::kMinRam - 4) == 0x202);

  CpuState user = bench.flat;  // with a change of stack
  user.segments[kCs].selector = user.segments[kSs].selector = kUserCode;
  user.segments[kSs].dpl = 3;
  after.gpr[kRsp] = kStack - 0x80;
  bench.memory.store(after.gpr[kRsp], std::array<std::uint32_t, 5>{kCode + 2, kUserCode, 0x302, kStack, kUserCode});
  without_step_flag(user, after, bench.memory);
  REQUIRE(bench.memory.load<std::uint32_t>(kStack - 0x80 + 8) == 0x202);

  CpuState real = real_mode_entry({}, kCode);
  real.gpr[kRsp] = kStack;
  after = real;
  after.gpr[kRsp] -= 6;
  bench.memory.store(kStack - 6, std::array<std::uint16_t, 3>{kCode + 2, real.segments[kCs].selector, 0x302});
  without_step_flag(real, after, bench.memory);
  REQUIRE(bench.memory.load<std::uint16_t>(kStack - 2) == 0x202);
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
