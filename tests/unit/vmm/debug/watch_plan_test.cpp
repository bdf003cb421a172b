// How watchpoints are served, on hosts of each kind: debug registers, protected pages, or stepping and comparing.
#include "vmm/debug/watch_plan.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "vmm/cpu/entry_state.hpp"
#include "vmm/memory/layout.hpp"

using namespace vmm;
using gdb::BreakpointType;
using kvm::DebugRegister;
using Kind = DebugRegister::Kind;
using Mechanism = Breakpoint::Mechanism;
using enum kvm::ProtectedPage::Traps;

namespace {

constexpr std::uint64_t kCode = 0x1000;
constexpr std::uint64_t kStack = 0x4000;  // the page below is the stack's
constexpr std::uint64_t kTables = 0x5000;
constexpr std::uint64_t kRoot = 0x8000;
constexpr std::uint64_t kData = 0x20000;
constexpr std::uint64_t kAlias = 0xffff800000000000;  // the same 2 MiB page for the kernel alone
constexpr std::uint64_t kUnmapped = 0xffffc00000000000;

kvm::HostAbilities vtx() {
  kvm::HostAbilities host;
  host.data_registers = host.protect_writes = host.protect_writes_user = host.protect_all = true;
  return host;
}
kvm::HostAbilities pvm() {
  kvm::HostAbilities host;
  host.protect_writes = host.protect_all = true;
  return host;
}

/// Long mode; the low 2 MiB are mapped to themselves for user mode, and at kAlias for the kernel.
struct Bench {
  explicit Bench(const kvm::HostAbilities& abilities) : host(abilities) {
    memory.store<std::uint64_t>(kRoot, 0x9007);
    memory.store<std::uint64_t>(kRoot + 256 * 8, 0xb003);
    memory.store<std::uint64_t>(0x9000, 0xa007);
    memory.store<std::uint64_t>(0xa000, 0x87);
    memory.store<std::uint64_t>(0xb000, 0xc003);
    memory.store<std::uint64_t>(0xc000, 0x83);
    memory.write(kTables, boot_tables(kTables));
    state.gpr[kRsp] = kStack;
  }
  void watch(BreakpointType type, std::uint64_t address, std::uint64_t size) {
    Breakpoint row;
    row.spec = {type, address, size};
    plan.rows.push_back(row);
  }
  void make() {
    HeldPages held(context());
    plan_watchpoints(plan, context(), held);
    plan.values = std::make_shared<WatchedValues>(memory, plan.rows);
  }
  WatchContext context() { return {host, memory, states, roots, stacks}; }
  std::optional<std::string> holder(std::uint64_t page) { return HeldPages(context()).likely_holder_of(page); }

  kvm::HostAbilities host;
  GuestMemory memory{layout::kMinRam};
  CpuState state = long64_entry({}, kCode, kRoot, kTables);
  std::array<const CpuState*, 1> states{&state};
  std::vector<CpuState> roots{state};
  std::set<std::uint64_t> stacks;
  Plan plan;
};

DebugRegister writes(std::uint8_t length, std::uint64_t address) { return {Kind::kWrite, length, address}; }
DebugRegister accesses(std::uint8_t length, std::uint64_t address) { return {Kind::kAccess, length, address}; }

}  // namespace

TEST_CASE("a range is cut into aligned pieces, up to one more than there are registers") {
  using Registers = std::vector<DebugRegister>;
  REQUIRE(registers_for(Kind::kWrite, 0x1000, 8) == Registers{writes(8, 0x1000)});
  REQUIRE(registers_for(Kind::kWrite, 0, 4) == Registers{writes(4, 0)});
  REQUIRE(registers_for(Kind::kWrite, 0x1004, 8) == Registers{writes(4, 0x1004), writes(4, 0x1008)});
  REQUIRE(registers_for(Kind::kAccess, 0x1003, 6) ==
          Registers{accesses(1, 0x1003), accesses(4, 0x1004), accesses(1, 0x1008)});
  REQUIRE(registers_for(Kind::kWrite, ~std::uint64_t{7}, 8) == Registers{writes(8, ~std::uint64_t{7})});
  REQUIRE(registers_for(Kind::kWrite, 0x1000, std::uint64_t{1} << 40).size() == Plan::kRegisters + 1);
}

TEST_CASE("writes that touch share a register, and the bytes tell whose it was") {
  Bench bench(vtx());
  bench.watch(BreakpointType::kWriteWatch, kAlias + kData + 4, 4);
  bench.watch(BreakpointType::kWriteWatch, kAlias + kData, 4);
  bench.make();
  REQUIRE(bench.plan.registers[0] == writes(8, kAlias + kData));
  REQUIRE_FALSE(bench.plan.registers[1]);
  REQUIRE(bench.plan.compared[0]);
  REQUIRE(bench.plan.watch_of_register(0) == nullptr);
  bench.memory.store<std::uint8_t>(kData + 5, 1);
  REQUIRE(bench.plan.watch_of_register(0) == &bench.plan.rows[0]);
  bench.memory.store<std::uint8_t>(kData + 3, 1);
  REQUIRE(bench.plan.watch_of_register(0) == &bench.plan.rows[1]);
}

TEST_CASE("of a shared range, each register has the rows that it covers") {
  Bench bench(vtx());
  bench.watch(BreakpointType::kWriteWatch, kAlias + kData, 8);
  bench.watch(BreakpointType::kWriteWatch, kAlias + kData + 8, 8);
  bench.make();
  REQUIRE(bench.plan.registers[1] == writes(8, kAlias + kData + 8));
  REQUIRE_FALSE(bench.plan.compared[0]);
  REQUIRE(bench.plan.watch_of_register(0) == &bench.plan.rows[0]);
  REQUIRE(bench.plan.watch_of_register(1) == &bench.plan.rows[1]);
}

TEST_CASE("reads that touch or overlap have registers of their own, as nothing else tells them apart") {
  Bench bench(vtx());
  bench.watch(BreakpointType::kReadWatch, kAlias + kData, 4);
  bench.watch(BreakpointType::kReadWatch, kAlias + kData + 4, 4);
  bench.watch(BreakpointType::kAccessWatch, kAlias + kData, 8);
  bench.watch(BreakpointType::kReadWatch, kAlias + kData, 8);
  bench.make();
  std::vector<DebugRegister> found;
  for (std::size_t i = 0; i < 3; ++i) {
    REQUIRE(bench.plan.registers.at(i));
    found.push_back(*bench.plan.registers.at(i));
    REQUIRE(bench.plan.watch_of_register(i)->spec.address == found.back().address);
    REQUIRE(bench.plan.watch_of_register(i)->spec.kind == found.back().length);
  }
  REQUIRE(found ==
          std::vector{accesses(4, kAlias + kData), accesses(8, kAlias + kData), accesses(4, kAlias + kData + 4)});
  REQUIRE_FALSE(bench.plan.registers[3]);
}

TEST_CASE("an unaligned write takes fewer, wider registers; a read must take exact ones") {
  Bench bench(vtx());
  bench.watch(BreakpointType::kWriteWatch, kAlias + kData + 1, 7);
  bench.make();
  REQUIRE(bench.plan.registers[0] == writes(8, kAlias + kData));
  REQUIRE_FALSE(bench.plan.registers[1]);
  bench.memory.store<std::uint8_t>(kData, 1);
  REQUIRE(bench.plan.watch_of_register(0) == nullptr);
  bench.memory.store<std::uint8_t>(kData + 7, 1);
  REQUIRE(bench.plan.watch_of_register(0) == &bench.plan.rows[0]);

  Bench exact(vtx());
  exact.watch(BreakpointType::kReadWatch, kAlias + kData + 1, 7);
  exact.make();
  REQUIRE(exact.plan.registers[2] == accesses(4, kAlias + kData + 4));
  REQUIRE(exact.plan.watch_of_register(2) == &exact.plan.rows[0]);
}

TEST_CASE("what is not mapped has exact registers of its own, as there are no bytes to compare") {
  Bench bench(vtx());
  bench.watch(BreakpointType::kWriteWatch, kUnmapped + 1, 3);
  bench.watch(BreakpointType::kWriteWatch, kUnmapped + 4, 4);
  bench.make();
  REQUIRE(bench.plan.registers[0] == writes(1, kUnmapped + 1));
  REQUIRE(bench.plan.registers[1] == writes(2, kUnmapped + 2));
  REQUIRE(bench.plan.registers[2] == writes(4, kUnmapped + 4));
  REQUIRE(bench.plan.watch_of_register(1) == &bench.plan.rows[0]);
  REQUIRE(bench.plan.watch_of_register(2) == &bench.plan.rows[1]);
}

TEST_CASE("what is not mapped and gets no register waits") {
  Bench bench(pvm());
  bench.watch(BreakpointType::kWriteWatch, kUnmapped, 4);
  bench.watch(BreakpointType::kWriteWatch, kAlias + 0x9fffc, 8);  // half of it is no memory
  bench.make();
  for (const Breakpoint& row : bench.plan.rows) REQUIRE(row.mechanism == Mechanism::kWaiting);
  REQUIRE(bench.plan.pages.empty());
  REQUIRE_FALSE(bench.plan.trace);
}

TEST_CASE("watchpoints at the end of the address space share a register, too") {
  Bench bench(vtx());
  bench.memory.store<std::uint64_t>(kRoot + 511 * 8, 0xd003);
  bench.memory.store<std::uint64_t>(0xd000 + 511 * 8, 0xe003);
  bench.memory.store<std::uint64_t>(0xe000 + 511 * 8, 0xf003);
  bench.memory.store<std::uint64_t>(0xf000 + 511 * 8, kData | 3);
  bench.watch(BreakpointType::kWriteWatch, ~std::uint64_t{7}, 8);
  bench.watch(BreakpointType::kWriteWatch, ~std::uint64_t{15}, 8);
  bench.make();
  REQUIRE(bench.plan.registers[0] == writes(8, ~std::uint64_t{15}));
  REQUIRE(bench.plan.registers[1] == writes(8, ~std::uint64_t{7}));
}

TEST_CASE("more than the registers hold goes to protected pages, and says so") {
  Bench bench(vtx());
  for (std::uint64_t i = 0; i < 5; ++i) bench.watch(BreakpointType::kWriteWatch, kAlias + kData + i * 64, 8);
  bench.make();
  REQUIRE(bench.plan.rows[3].mechanism == Mechanism::kDebugRegister);
  REQUIRE(bench.plan.rows[4].mechanism == Mechanism::kPage);
  REQUIRE(bench.plan.rows[4].why == "more than the debug registers hold");
  REQUIRE(bench.plan.pages == std::vector<kvm::ProtectedPage>{{kData, kWrites}});
  // Nor do the registers show what a device writes.
  REQUIRE(bench.plan.ranges.size() == 5);
  REQUIRE(bench.plan.ranges[4] ==
          AccessWatch::Range{.id = 4, .first = kData + 256, .size = 8, .reads = false, .writes = true});
}

TEST_CASE("a page is protected once, from reads when one of its watchpoints wants them") {
  Bench bench(pvm());
  bench.watch(BreakpointType::kWriteWatch, kAlias + kData + 0xffc, 8);
  bench.watch(BreakpointType::kReadWatch, kAlias + kData, 4);
  bench.watch(BreakpointType::kAccessWatch, kAlias + kData + 8, 4);
  bench.make();
  REQUIRE(bench.plan.pages == std::vector<kvm::ProtectedPage>{{kData, kAll}, {kData + 0x1000, kWrites}});
  const auto& ranges = bench.plan.ranges;
  REQUIRE(ranges ==
          std::vector<AccessWatch::Range>{{.id = 0, .first = kData + 0xffc, .size = 8, .reads = false, .writes = true},
                                          {.id = 1, .first = kData, .size = 4, .reads = true, .writes = false},
                                          {.id = 2, .first = kData + 8, .size = 4, .reads = true, .writes = true}});
  REQUIRE_THAT(bench.plan.rows[0].why, Catch::Contains("never fires data watchpoints"));
  REQUIRE_FALSE(bench.plan.trace);
}

TEST_CASE("what no page can show is found by stepping, with the reason") {
  struct Row {
    kvm::HostAbilities host;
    BreakpointType type;
    std::uint64_t address;
    std::string why;
  };
  kvm::HostAbilities writes_only = pvm();
  writes_only.protect_all = false;
  const std::vector<Row> rows{
      {{}, BreakpointType::kWriteWatch, kAlias + kData, "this host's KVM cannot show writes"},
      {writes_only, BreakpointType::kReadWatch, kAlias + kData, "this host's KVM cannot show reads"},
      {pvm(), BreakpointType::kWriteWatch, kData, "this host's KVM cannot show writes of user mode"},
      {pvm(), BreakpointType::kWriteWatch, kAlias + kStack - 8, "its page holds the stack of CPU 0"},
      {pvm(), BreakpointType::kWriteWatch, kAlias + 0xa000, "its page holds a page table"},
      {pvm(), BreakpointType::kReadWatch, kAlias + kCode + 0x100, "its page holds code"},
  };
  for (const Row& row : rows) {
    Bench bench(row.host);
    bench.watch(row.type, row.address, 4);
    bench.make();
    REQUIRE(bench.plan.rows[0].why == row.why);
    REQUIRE(bench.plan.rows[0].mechanism == Mechanism::kCompare);
    REQUIRE(bench.plan.trace);
    REQUIRE(bench.plan.pages.empty());
    REQUIRE(bench.plan.ranges.size() == 1);
    REQUIRE_FALSE(bench.plan.ranges[0].guests);  // the step shows those
  }
  Bench code(pvm());
  code.watch(BreakpointType::kWriteWatch, kAlias + kCode + 0x100, 4);
  code.make();
  REQUIRE(code.plan.rows[0].mechanism == Mechanism::kPage);
}

TEST_CASE("the CPU's own pages: stacks, those of the TSS, page tables of every root seen") {
  Bench bench(pvm());
  REQUIRE(bench.holder(kStack - 0x1000) == "the stack of CPU 0");
  REQUIRE(bench.holder(0xc000) == "a page table");
  REQUIRE(bench.holder(kData) == std::nullopt);
  bench.stacks.insert(kData);
  REQUIRE(bench.holder(kData) == "a stack");

  const std::uint64_t tss = bench.state.tr.base;
  bench.memory.store<std::uint64_t>(tss + 4, kAlias + 0x31000);   // RSP0
  bench.memory.store<std::uint64_t>(tss + 84, kAlias + 0x33000);  // IST7
  REQUIRE(bench.holder(0x30000) == "an interrupt stack of CPU 0");
  REQUIRE(bench.holder(0x32000) == "an interrupt stack of CPU 0");

  CpuState other = bench.state;  // the tables of a task that does not run
  other.cr3 = 0x50000;
  bench.memory.store<std::uint64_t>(0x50000, 0x51003);
  REQUIRE(bench.holder(0x51000) == std::nullopt);
  bench.roots.push_back(other);
  REQUIRE(bench.holder(0x51000) == "a page table");
}

TEST_CASE("a 32-bit TSS has the stack of ring 0") {
  Bench bench(pvm());
  bench.state = protected32_entry({}, kCode, kTables);
  bench.state.gpr[kRsp] = kStack;
  bench.memory.store<std::uint32_t>(bench.state.tr.base + 4, 0x31000);
  REQUIRE(bench.holder(0x30000) == "an interrupt stack of CPU 0");
  bench.state.tr.limit = 0x66;
  REQUIRE(bench.holder(0x30000) == std::nullopt);
}

TEST_CASE("a page with a return address looks like a stack; numbers that no call precedes do not") {
  Bench bench(pvm());
  constexpr std::uint64_t kReturn = kAlias + 0x12005;
  bench.memory.store(kData + 0x80, kReturn);
  REQUIRE(bench.holder(kData) == std::nullopt);
  bench.memory.store<std::uint8_t>(0x12000, 0xe8);
  REQUIRE(bench.holder(kData) == "what looks like a stack");
  bench.memory.store<std::uint8_t>(0x12000, 0x90);
  bench.memory.store<std::uint16_t>(0x12003, 0xd0ff);  // call rax
  REQUIRE(bench.holder(kData) == "what looks like a stack");
  bench.memory.store<std::uint16_t>(0x12003, 0xe0ff);  // jmp rax
  REQUIRE(bench.holder(kData) == std::nullopt);
  bench.memory.store<std::uint8_t>(0x12000, 0xe8);
  bench.state.efer |= kEferNxe;
  bench.memory.store<std::uint64_t>(kRoot + 256 * 8, 0xb003 | std::uint64_t{1} << 63);
  REQUIRE(bench.holder(kData) == std::nullopt);
}

TEST_CASE("in protected mode words of 32 bits are looked at, in real mode any page may be a stack") {
  Bench bench(pvm());
  bench.memory.store<std::uint32_t>(kData + 0x84, 0x12005);
  bench.memory.store<std::uint8_t>(0x12000, 0xe8);
  bench.state = protected32_entry({}, kCode, kTables);
  bench.state.gpr[kRsp] = kStack;
  REQUIRE(bench.holder(kData) == "what looks like a stack");
  REQUIRE(bench.holder(kData + 0x1000) == std::nullopt);
  bench.state = real_mode_entry({}, kCode);
  REQUIRE(bench.holder(kData + 0x1000) == "what looks like a stack");
}
