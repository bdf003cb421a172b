// What an instruction is about to touch: the operands that its bytes name, and those that they imply.
#include "vmm/debug/memory_operands.hpp"

#include <catch2/catch.hpp>
#include <ostream>
#include <string>

#include "vmm/cpu/entry_state.hpp"
#include "vmm/memory/layout.hpp"

using namespace vmm;

namespace vmm {
std::ostream& operator<<(std::ostream& out, const MemoryOperand& row) {
  return out << std::hex << row.linear << '+' << row.size << (row.read ? " r" : "") << (row.written ? " w" : "");
}
}  // namespace vmm

namespace {

using Operands = std::vector<MemoryOperand>;
using Bytes = std::vector<unsigned>;

constexpr std::uint64_t kCode = 0x1000;
constexpr std::uint64_t kStack = 0x7000;

MemoryOperand reads(std::uint64_t linear, std::uint64_t size) { return {linear, size, true, false}; }
MemoryOperand writes(std::uint64_t linear, std::uint64_t size) { return {linear, size, false, true}; }
MemoryOperand changes(std::uint64_t linear, std::uint64_t size) { return {linear, size, true, true}; }

MemoryOperand repeated(MemoryOperand operand, unsigned counter_bits) {
  operand.counter_bits = counter_bits;
  return operand;
}

struct Row {
  std::string name;
  Bytes code;
  Operands operands;
};

struct Bench {
  Bench() {
    for (std::uint64_t level : {0x8000, 0x9000}) memory.store<std::uint64_t>(level, (level + 0x1000) | 7);
    memory.store<std::uint64_t>(0xa000, 0x87);
    for (CpuState* state : {&long64, &flat32, &real}) {
      state->gpr[kRsp] = kStack;
      state->gpr[kRbp] = 0x6000;
      state->gpr[kRax] = 0x20005;
      state->gpr[kRbx] = 0x3000;
      state->gpr[kRcx] = 2;
      state->gpr[kRsi] = 0x4000;
      state->gpr[kRdi] = 0x5000;
    }
  }
  Operands of(const CpuState& state, const Bytes& code) {
    for (std::size_t i = 0; i < code.size(); ++i)
      memory.store(linear_pc(state) + i, static_cast<std::uint8_t>(code[i]));
    return memory_operands(state, memory);
  }
  void check(const CpuState& state, const std::vector<Row>& rows) {
    for (const Row& row : rows) {
      INFO(row.name);
      CHECK(of(state, row.code) == row.operands);
    }
  }

  GuestMemory memory{layout::kMinRam};
  CpuState long64 = long64_entry({}, kCode, 0x8000, 0x5000);
  CpuState flat32 = protected32_entry({}, kCode, 0x5000);
  CpuState real = real_mode_entry({}, kCode);
};

}  // namespace

TEST_CASE("operands that an instruction names") {
  Bench bench;
  bench.check(bench.long64, {{"mov eax, [rbx]", {0x8b, 0x03}, {reads(0x3000, 4)}},
                             {"mov [rbx + rcx * 8 - 16], rax", {0x48, 0x89, 0x44, 0xcb, 0xf0}, {writes(0x3000, 8)}},
                             {"add word [rbx], ax", {0x66, 0x01, 0x03}, {changes(0x3000, 2)}},
                             {"xchg [rbx], al", {0x86, 0x03}, {changes(0x3000, 1)}},
                             {"mov eax, [rip + 0x10]", {0x8b, 0x05, 0x10, 0, 0, 0}, {reads(kCode + 0x16, 4)}},
                             {"mov eax, [0x1234]", {0x8b, 0x04, 0x25, 0x34, 0x12, 0, 0}, {reads(0x1234, 4)}},
                             {"mov eax, ebx", {0x89, 0xd8}, {}}});
}

TEST_CASE("the stack is an operand, above its pointer or below") {
  Bench bench;
  bench.check(bench.long64, {{"push rax", {0x50}, {writes(kStack - 8, 8)}},
                             {"push ax", {0x66, 0x50}, {writes(kStack - 2, 2)}},
                             {"push [rbx]", {0xff, 0x33}, {reads(0x3000, 8), writes(kStack - 8, 8)}},
                             {"push [rsp]", {0xff, 0x34, 0x24}, {reads(kStack, 8), writes(kStack - 8, 8)}},
                             {"pop rax", {0x58}, {reads(kStack, 8)}},
                             {"pop [rsp + 8]", {0x8f, 0x44, 0x24, 8}, {writes(kStack + 16, 8), reads(kStack, 8)}},
                             {"call", {0xe8, 0, 0, 0, 0}, {writes(kStack - 8, 8)}},
                             {"call [rbx]", {0xff, 0x13}, {reads(0x3000, 8), writes(kStack - 8, 8)}},
                             {"ret", {0xc3}, {reads(kStack, 8)}},
                             {"leave", {0xc9}, {reads(0x6000, 8)}},
                             {"iretq", {0x48, 0xcf}, {reads(kStack, 40)}}});
}

TEST_CASE("string instructions touch what SI and DI point at, unless they repeat no time") {
  Bench bench;
  bench.check(bench.long64,
              {{"movsb", {0xa4}, {writes(0x5000, 1), reads(0x4000, 1)}},
               {"rep movsq", {0xf3, 0x48, 0xa5}, {repeated(writes(0x5000, 8), 64), repeated(reads(0x4000, 8), 64)}},
               {"stosd", {0xab}, {writes(0x5000, 4)}},
               {"lodsw", {0x66, 0xad}, {reads(0x4000, 2)}},
               {"scasb", {0xae}, {reads(0x5000, 1)}},
               {"cmpsb", {0xa6}, {reads(0x4000, 1), reads(0x5000, 1)}}});
  bench.long64.gpr[kRcx] = 0;
  bench.check(bench.long64, {{"rep movsq", {0xf3, 0x48, 0xa5}, {}},
                             {"repne scasb", {0xf2, 0xae}, {}},
                             {"movsb", {0xa4}, {writes(0x5000, 1), reads(0x4000, 1)}}});
  bench.long64.gpr[kRcx] = 0x100000000;
  bench.check(bench.long64, {{"a32 rep stosb", {0x67, 0xf3, 0xaa}, {}},
                             {"rep stosb", {0xf3, 0xaa}, {repeated(writes(0x5000, 1), 64)}}});
}

TEST_CASE("of a repeated instruction, a step has touched as many elements as the counter says") {
  Bench bench;
  const CpuState& before = bench.long64;
  CpuState after = before;
  const MemoryOperand load = repeated(reads(0x4000, 8), 64);
  const auto size_after = [&](std::uint64_t count) {
    bench.long64.gpr[kRcx] = 10;
    after.gpr[kRcx] = 10 - count;
    return touched(load, before, after).size;
  };
  REQUIRE(size_after(0) == 8);
  REQUIRE(size_after(1) == 8);
  REQUIRE(size_after(10) == 80);
  REQUIRE(size_after(11) == 8);                                 // something else has changed RCX
  REQUIRE(touched(reads(0x4000, 8), before, after).size == 8);  // is not repeated
  after.gpr[kRcx] = 7;
  bench.long64.rflags |= kRflagsDf;
  REQUIRE(touched(load, before, after) == repeated(reads(0x3ff0, 24), 64));
  after.rip = 0x80000;
  REQUIRE(touched(load, before, after) == load);
  after.rip = before.rip + 3;
  bench.long64.gpr[kRcx] = 0xabcd00000003;
  after.gpr[kRcx] = 1;
  REQUIRE(touched(repeated(load, 32), before, after).size == 16);
}

TEST_CASE("what names memory without touching it has no operand") {
  Bench bench;
  bench.check(bench.long64, {{"lea rax, [rbx]", {0x48, 0x8d, 0x03}, {}},
                             {"nop [rbx]", {0x0f, 0x1f, 0x03}, {}},
                             {"prefetcht0 [rbx]", {0x0f, 0x18, 0x0b}, {}},
                             {"clflush [rbx]", {0x0f, 0xae, 0x3b}, {}},
                             {"invlpg [rbx]", {0x0f, 0x01, 0x3b}, {}}});
}

TEST_CASE("addresses that are more than their operand says: a table's index, a bit far away") {
  Bench bench;
  bench.check(bench.long64, {{"xlat", {0xd7}, {reads(0x3005, 1)}},
                             {"bt [rbx], eax", {0x0f, 0xa3, 0x03}, {reads(0x3000 + 0x20005 / 32 * 4, 4)}},
                             {"bts [rbx], ax", {0x66, 0x0f, 0xab, 0x03}, {changes(0x3000, 2)}},
                             {"bt dword [rbx], 31", {0x0f, 0xba, 0x23, 31}, {reads(0x3000, 4)}}});
  bench.long64.gpr[kRax] = ~std::uint64_t{0};
  bench.check(bench.long64, {{"bt [rbx], rax", {0x48, 0x0f, 0xa3, 0x03}, {reads(0x3000 - 8, 8)}}});
}

TEST_CASE("only FS and GS have a base in 64-bit mode; every segment has outside") {
  Bench bench;
  for (CpuState* state : {&bench.long64, &bench.flat32}) {
    state->segments[kDs].base = 0x100;
    state->segments[kFs].base = 0x200;
    state->segments[kGs].base = 0x300;
  }
  bench.check(bench.long64, {{"mov eax, [rbx]", {0x8b, 0x03}, {reads(0x3000, 4)}},
                             {"mov eax, fs:[rbx]", {0x64, 0x8b, 0x03}, {reads(0x3200, 4)}},
                             {"mov eax, gs:[rbx]", {0x65, 0x8b, 0x03}, {reads(0x3300, 4)}}});
  bench.check(bench.flat32, {{"mov eax, [ebx]", {0x8b, 0x03}, {reads(0x3100, 4)}},
                             {"mov eax, ss:[ebx]", {0x36, 0x8b, 0x03}, {reads(0x3000, 4)}},
                             {"mov eax, gs:[ebx]", {0x65, 0x8b, 0x03}, {reads(0x3300, 4)}}});
}

TEST_CASE("16-bit addresses wrap in their segment, 32-bit ones at 4 GiB") {
  Bench bench;
  bench.real.segments[kDs].base = 0x20000;
  bench.real.gpr[kRbx] = 0xabcdfff0;
  bench.check(bench.real, {{"mov ax, [bx + si]", {0x8b, 0x00}, {reads(0x23ff0, 2)}},
                           {"mov ax, [bx + 0x20]", {0x8b, 0x47, 0x20}, {reads(0x20010, 2)}}});
  bench.flat32.gpr[kRbx] = 0xfffffff0;
  bench.check(bench.flat32, {{"mov eax, [ebx + 0x20]", {0x8b, 0x43, 0x20}, {reads(0x10, 4)}}});
  bench.flat32.segments[kDs].base = 0x1000;
  bench.check(bench.flat32, {{"mov eax, [ebx]", {0x8b, 0x03}, {reads(0xff0, 4)}}});
  bench.long64.gpr[kRbx] = 0x1fffffff0;
  bench.check(bench.long64, {{"mov eax, [ebx + 0x20]", {0x67, 0x8b, 0x43, 0x20}, {reads(0x10, 4)}}});
}

TEST_CASE("a stack pointer is as wide as SS says, whatever the size of addresses") {
  Bench bench;
  bench.long64.gpr[kRsp] = 0xffff800000007000;
  bench.check(bench.long64, {{"a32 push rax", {0x67, 0x50}, {writes(0xffff800000006ff8, 8)}},
                             {"a32 call", {0x67, 0xe8, 0, 0, 0, 0}, {writes(0xffff800000006ff8, 8)}}});
  bench.flat32.gpr[kRsp] = 0x17000;
  bench.check(bench.flat32,
              {{"a16 push eax", {0x67, 0x50}, {writes(0x16ffc, 4)}}, {"pusha", {0x60}, {writes(0x17000 - 32, 32)}}});
  bench.flat32.segments[kSs].db = false;
  bench.check(bench.flat32, {{"push eax", {0x50}, {writes(0x6ffc, 4)}}});
  bench.real.gpr[kRsp] = 0;
  bench.real.segments[kSs].base = 0x10000;
  bench.check(bench.real, {{"push ax", {0x50}, {writes(0x1fffe, 2)}}, {"ret", {0xc3}, {reads(0x10000, 2)}}});
}

TEST_CASE("the same bytes mean what the mode says") {
  Bench bench;
  const Bytes code{0x8b, 0x04, 0x25, 0x00, 0x30, 0x00, 0x00};
  bench.real.gpr[kRsi] = 0x40;
  REQUIRE(bench.of(bench.real, code) == Operands{reads(0x40, 2)});  // mov ax, [si]
  CpuState virtual86 = bench.real;
  virtual86.cr0 |= kCr0Pe;
  virtual86.rflags |= kRflagsVm;
  REQUIRE(bench.of(virtual86, code) == Operands{reads(0x40, 2)});
  CpuState protected16 = bench.flat32;
  protected16.segments[kCs].db = false;
  REQUIRE(bench.of(protected16, code) == Operands{reads(0x4000, 2)});
  REQUIRE(bench.of(bench.flat32, code) == Operands{reads(0x3000, 4)});
  CpuState compat = bench.long64;
  compat.segments[kCs].l = false;
  compat.segments[kCs].db = true;
  REQUIRE(bench.of(compat, {0x40, 0x8b, 0x03}).empty());  // inc eax, where 64-bit mode sees a prefix
  REQUIRE(bench.of(compat, code) == Operands{reads(0x3000, 4)});
  compat.segments[kCs].db = false;
  REQUIRE(bench.of(compat, code) == Operands{reads(0x4000, 2)});
}

TEST_CASE("what can't be decoded or read has no operands") {
  Bench bench;
  REQUIRE(bench.of(bench.long64, {0x06}).empty());
  bench.long64.rip = 0x400000;
  REQUIRE(memory_operands(bench.long64, bench.memory).empty());
  bench.long64.rip = 0x9ffff;  // the last byte of memory
  REQUIRE(bench.of(bench.long64, {0x8b}).empty());
}

TEST_CASE("only a row that watches reads by stepping is found, and only by what it counts") {
  Bench bench;
  Plan plan;
  const auto row = [&](gdb::BreakpointType type, std::uint64_t address, Breakpoint::Mechanism mechanism) {
    Breakpoint watch;
    watch.spec = {type, address, 4};
    watch.mechanism = mechanism;
    plan.rows.push_back(watch);
  };
  using Mechanism = Breakpoint::Mechanism;
  const auto next = [&](const Bytes& code) {
    bench.of(bench.long64, code);
    return read_by_step(memory_operands(bench.long64, bench.memory), bench.long64, bench.long64, plan);
  };
  const Bytes load{0x8b, 0x03}, store{0x89, 0x03}, load_behind{0x8b, 0x43, 0x04};
  row(gdb::BreakpointType::kReadWatch, 0x3000, Mechanism::kPage);
  row(gdb::BreakpointType::kWriteWatch, 0x3000, Mechanism::kCompare);
  REQUIRE_FALSE(next(load));
  row(gdb::BreakpointType::kReadWatch, 0x3002, Mechanism::kCompare);
  REQUIRE(next(load) == 2);
  REQUIRE(next(load_behind) == 2);
  REQUIRE_FALSE(next(store));
  row(gdb::BreakpointType::kAccessWatch, 0x2ffd, Mechanism::kCompare);
  REQUIRE(next(store) == 3);
  REQUIRE_FALSE(next({0x0f, 0x1f, 0x03}));  // nop [rbx]
  REQUIRE(next(load) == 2);
  REQUIRE(next(load_behind) == 2);
  plan.rows.clear();
  row(gdb::BreakpointType::kReadWatch, ~std::uint64_t{3}, Mechanism::kCompare);
  bench.long64.gpr[kRbx] = ~std::uint64_t{3};  // up to the end of the address space
  REQUIRE(next(load) == 0);
}
