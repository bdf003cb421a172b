// Where a breakpoint goes, on hosts of each kind, without any KVM.
#include "vmm/debug/breakpoints.hpp"

#include <catch2/catch.hpp>

#include "vmm/cpu/entry_state.hpp"
#include "vmm/memory/layout.hpp"

using namespace vmm;
using gdb::BreakpointType;
using kvm::TrapEffect;
using Mechanism = Breakpoint::Mechanism;

namespace {

constexpr std::byte kCode{0x90};
constexpr std::uint64_t kNowhere = 0xffffc00000000000;  // never mapped

kvm::HostAbilities vtx() {
  kvm::HostAbilities host;
  host.int3_real = host.int3_kernel = host.int3_user = TrapEffect::kDebugExit;
  host.execute_registers = host.execute_registers_user = host.data_registers = true;
  host.step = host.step_user = true;
  return host;
}

kvm::HostAbilities pvm() {
  kvm::HostAbilities host;
  host.int3_kernel = host.icebp_real = host.icebp_kernel = TrapEffect::kEmulationFailure;
  host.execute_registers = host.step = true;
  return host;
}

struct Bench {
  explicit Bench(const kvm::HostAbilities& host, std::vector<LinkHint> hints = {})
      : breakpoints(std::async(std::launch::deferred, [host] { return host; }).share(), std::move(hints)) {
    breakpoints.use(memory, planted);
    for (std::uint64_t at = 0x1000; at < 0x3000; ++at) memory.store(at, kCode);
  }
  void insert(std::uint64_t address, BreakpointType type = BreakpointType::kSoftware, std::uint64_t size = 1) {
    REQUIRE(breakpoints.insert({type, address, size}));
  }
  void arm() {
    const CpuState* states[] = {&state};
    plan = breakpoints.plan(states);
    breakpoints.plant();
  }
  /// Another address space, by tables from `root` on: its address 0x1000 is at guest-physical `code`.
  CpuState other_space(std::uint64_t root, std::uint64_t code) {
    memory.store<std::uint64_t>(root, (root + 0x1000) | 7);
    memory.store<std::uint64_t>(root + 0x1000, (root + 0x2000) | 7);
    memory.store<std::uint64_t>(root + 0x2000, (root + 0x3000) | 7);
    memory.store<std::uint64_t>(root + 0x3000 + 8, code | 7);
    CpuState other = state;
    other.cr3 = root;
    return other;
  }
  std::byte byte(std::uint64_t address) { return *memory.load<std::byte>(address); }
  /// Long mode with one identity-mapped 2 MiB page, and the same page at 0xffff800000000000.
  void turn_paging_on(bool user) {
    const std::uint64_t flags = user ? 7 : 3;
    memory.store<std::uint64_t>(0x8000, 0x9000 | flags);
    memory.store<std::uint64_t>(0x8000 + 256 * 8, 0x9000 | flags);
    memory.store<std::uint64_t>(0x9000, 0xa000 | flags);
    memory.store<std::uint64_t>(0xa000, 0x80 | flags);
    memory.write(0x5000, boot_tables(0x5000));
    state = long64_entry({}, 0x1000, 0x8000, 0x5000);
  }

  GuestMemory memory{layout::kMinRam};
  PlantedBytes planted{memory};
  CpuState state = real_mode_entry({}, 0x1000);
  Breakpoints breakpoints;
  std::shared_ptr<const Plan> plan;
};

}  // namespace

TEST_CASE("the first four take debug registers, the others an int3; disarming restores every byte") {
  Bench bench(vtx());
  for (std::uint64_t i = 0; i < 7; ++i) bench.insert(0x1000 + i);
  bench.arm();
  REQUIRE(bench.plan->registers[3]);
  REQUIRE(bench.byte(0x1003) == kCode);
  REQUIRE(bench.byte(0x1004) == std::byte{0xcc});
  REQUIRE(bench.plan->plants(0x1006));
  bench.breakpoints.lift();
  for (std::uint64_t i = 0; i < 7; ++i) REQUIRE(bench.byte(0x1000 + i) == kCode);
}

TEST_CASE("behind a load of SS, where no register fires, an int3 is planted though registers are free") {
  Bench bench(vtx());
  bench.memory.store(0x2000, std::byte{0x8e});
  bench.memory.store(0x2001, std::byte{0xd0});  // mov ss, ax
  bench.insert(0x2002);
  bench.insert(0x2010);
  bench.arm();
  REQUIRE(bench.byte(0x2002) == std::byte{0xcc});
  REQUIRE(bench.byte(0x2010) == kCode);
}

TEST_CASE("in real mode a host like PVM gets an icebp, in long mode an int3") {
  Bench bench(pvm());
  for (std::uint64_t i = 0; i < 5; ++i) bench.insert(0x1000 + i);
  bench.arm();
  REQUIRE(bench.byte(0x1004) == std::byte{0xf1});
  bench.breakpoints.lift();
  bench.turn_paging_on(false);
  bench.arm();
  REQUIRE(bench.byte(0x1004) == std::byte{0xcc});
  REQUIRE_FALSE(bench.plan->user_traps);
}

TEST_CASE("on a user page such a host gets an int3 and keeps a register for the guest's handler") {
  Bench bench(pvm());
  bench.turn_paging_on(true);
  for (std::uint64_t i = 0; i < 5; ++i) bench.insert(0x1000 + i);
  bench.arm();
  REQUIRE(bench.byte(0x1000) == std::byte{0xcc});
  REQUIRE(bench.plan->user_traps);
  REQUIRE_FALSE(bench.plan->registers[3]);
}

TEST_CASE("when hbreaks hold all registers, a trap lies on the handler that user mode's int3 leads to") {
  Bench bench(pvm());
  bench.turn_paging_on(true);
  constexpr std::uint64_t kHandler = 0x2345;
  bench.state.idt = {.base = 0x6000, .limit = 0xfff};
  bench.memory.store<std::uint64_t>(0x6000 + 3 * 16, 0x8e00'0008'0000 | kHandler);
  for (std::uint64_t i = 0; i < 3; ++i) bench.insert(kNowhere + i, BreakpointType::kHardware);
  bench.insert(0x1000);
  bench.arm();
  REQUIRE(bench.byte(kHandler) == kCode);  // a register is left for it
  bench.breakpoints.lift();
  bench.insert(kNowhere + 3, BreakpointType::kHardware);
  bench.arm();
  REQUIRE(bench.plan->user_traps);
  REQUIRE(bench.byte(kHandler) == std::byte{0xcc});
  REQUIRE(bench.plan->at(kHandler) == nullptr);
  bench.breakpoints.lift();
  REQUIRE(bench.byte(kHandler) == kCode);
}

TEST_CASE("where no register fires in user mode, an hbreak there has a trap, too; one that waits is looked after") {
  Bench bench(pvm());
  bench.turn_paging_on(true);
  bench.insert(0x1000, BreakpointType::kHardware);
  bench.arm();
  REQUIRE(bench.plan->registers[0]->address == 0x1000);
  REQUIRE(bench.byte(0x1000) == std::byte{0xcc});
  REQUIRE(bench.plan->user_traps);
  REQUIRE(std::ranges::distance(bench.plan->all_at(0x1000)) == 1);
  bench.breakpoints.lift();
  REQUIRE(bench.byte(0x1000) == kCode);
  bench.breakpoints.clear();
  bench.insert(0x7f0000001000, BreakpointType::kHardware);
  bench.arm();
  REQUIRE(bench.plan->registers[0]->address == 0x7f0000001000);
  REQUIRE(bench.breakpoints.looks_again());
  bench.breakpoints.lift();

  Bench other(vtx());
  other.turn_paging_on(true);
  other.insert(0x1000, BreakpointType::kHardware);
  other.insert(0x7f0000001000, BreakpointType::kHardware);
  other.arm();
  REQUIRE(other.byte(0x1000) == kCode);
  REQUIRE_FALSE(other.breakpoints.looks_again());
}

TEST_CASE("what is not mapped yet takes a register first, and waits when there is none") {
  Bench bench(vtx());
  for (std::uint64_t i = 0; i < 4; ++i) bench.insert(0x1000 + i);
  for (std::uint64_t i = 0; i < 5; ++i) bench.insert(0xffff800000001000 + i);
  bench.arm();
  REQUIRE(bench.plan->registers[0]->address == 0xffff800000001000);
  REQUIRE(bench.byte(0x1000) == std::byte{0xcc});
  REQUIRE(bench.breakpoints.needs_another_look());
  bench.breakpoints.lift();
  bench.turn_paging_on(false);
  bench.arm();
  REQUIRE_FALSE(bench.breakpoints.needs_another_look());
}

TEST_CASE("a symbol of the image goes where the image says, before the guest has mapped it") {
  Bench bench(vtx(), {{.link = 0xffffffff80002000, .size = 0x1000, .physical = 0x2000}});
  for (std::uint64_t i = 0; i < 6; ++i) bench.insert(0xffffffff80002000 + i);
  bench.arm();
  REQUIRE(bench.byte(0x2005) == std::byte{0xcc});
  REQUIRE(bench.breakpoints.needs_another_look());
}

TEST_CASE("a symbol's address is not the byte that paging off finds there") {
  Bench bench(pvm(), {{.link = 0x1000, .size = 0x1000, .physical = 0x2000}});
  bench.insert(0x1010);
  bench.arm();
  REQUIRE(bench.byte(0x1010) == kCode);
  REQUIRE(bench.byte(0x2010) == std::byte{0xcc});
}

TEST_CASE("a byte that the guest overwrote stays the guest's, and is looked at again") {
  Bench bench(vtx());
  for (std::uint64_t i = 0; i < 5; ++i) bench.insert(0x1000 + i);
  bench.arm();
  REQUIRE_FALSE(bench.breakpoints.needs_another_look());
  bench.memory.store(0x1004, std::byte{0x55});
  REQUIRE(bench.breakpoints.needs_another_look());
  bench.breakpoints.lift();
  REQUIRE(bench.byte(0x1004) == std::byte{0x55});
}

TEST_CASE("two names of one byte are planted once and restored") {
  Bench bench(vtx());
  bench.turn_paging_on(false);
  for (std::uint64_t i = 0; i < 4; ++i) bench.insert(0x1000 + i, BreakpointType::kHardware);
  bench.insert(0x1010);
  bench.insert(0xffff800000001010);
  bench.arm();
  REQUIRE(bench.byte(0x1010) == std::byte{0xcc});
  bench.breakpoints.lift();
  REQUIRE(bench.byte(0x1010) == kCode);
}

TEST_CASE("insert and remove are idempotent") {
  Bench bench(vtx());
  bench.insert(0x1000);
  bench.insert(0x1000);
  bench.breakpoints.remove({BreakpointType::kSoftware, 0x1000, 1});
  bench.breakpoints.remove({BreakpointType::kSoftware, 0x1000, 1});
  REQUIRE(bench.breakpoints.empty());
}

TEST_CASE("watchpoints are cut into aligned registers; one of nothing is refused") {
  Bench bench(vtx());
  bench.insert(0x1001, BreakpointType::kAccessWatch, 7);  // 1 + 2 + 4
  bench.arm();
  REQUIRE(bench.plan->registers[0] == kvm::DebugRegister{kvm::DebugRegister::Kind::kAccess, 1, 0x1001});
  REQUIRE(bench.plan->registers[1] == kvm::DebugRegister{kvm::DebugRegister::Kind::kAccess, 2, 0x1002});
  REQUIRE(bench.plan->registers[2] == kvm::DebugRegister{kvm::DebugRegister::Kind::kAccess, 4, 0x1004});
  REQUIRE(bench.plan->watch_of_register(1)->spec.address == 0x1001);
  bench.breakpoints.lift();
  REQUIRE_FALSE(bench.breakpoints.insert({BreakpointType::kAccessWatch, 0x2001, 0}));
}

namespace {

using enum kvm::ProtectedPage::Traps;
using Pages = std::vector<kvm::ProtectedPage>;

/// Takes all debug registers, so that what follows goes to memory.
void fill_registers(Bench& bench) {
  for (std::uint64_t i = 0; i < Plan::kRegisters; ++i) bench.insert(kNowhere + i, BreakpointType::kHardware);
}

kvm::HostAbilities protecting(kvm::HostAbilities host) {
  host.protect_writes = host.protect_all = true;
  return host;
}

}  // namespace

TEST_CASE("a fifth hbreak is refused with a sentence until one goes; so is any where registers do not fire") {
  Bench bench(vtx());
  fill_registers(bench);
  bench.insert(kNowhere, BreakpointType::kHardware);  // the same again
  const auto refused = bench.breakpoints.insert({BreakpointType::kHardware, 0x1000, 1});
  REQUIRE(refused.error().text == "the CPU has only 4 debug registers, and 4 `hbreak`s hold them: use `break`");
  bench.breakpoints.remove({BreakpointType::kHardware, kNowhere, 1});
  bench.insert(0x1000, BreakpointType::kHardware);
  REQUIRE(bench.breakpoints.contains({BreakpointType::kHardware, 0x1000, 1}));

  Bench without({});
  REQUIRE_THAT(without.breakpoints.insert({BreakpointType::kHardware, 0x1000, 1}).error().text,
               Catch::Contains("use `break` instead of `hbreak`"));
}

TEST_CASE("a watchpoint of nothing, or beyond the last address, is refused") {
  Bench bench(vtx());
  REQUIRE_FALSE(bench.breakpoints.insert({BreakpointType::kWriteWatch, 0x1000, 0}));
  REQUIRE_FALSE(bench.breakpoints.insert({BreakpointType::kWriteWatch, ~std::uint64_t{0}, 2}));
  bench.insert(~std::uint64_t{0}, BreakpointType::kWriteWatch);
}

TEST_CASE("code that the guest may write to is protected where a trap lies; what it may not is left alone") {
  Bench bench(protecting(vtx()));
  bench.turn_paging_on(false);
  fill_registers(bench);
  bench.insert(0x2000);
  bench.arm();
  REQUIRE(bench.plan->pages == Pages{{0x2000, kWrites}});

  Bench read_only(protecting(vtx()));
  read_only.turn_paging_on(false);
  read_only.memory.store<std::uint64_t>(0xa000, 0x81);
  read_only.state.cr0 |= kCr0Wp;
  fill_registers(read_only);
  read_only.insert(0x2000);
  read_only.arm();
  REQUIRE(read_only.byte(0x2000) == std::byte{0xcc});
  REQUIRE(read_only.plan->pages.empty());
  read_only.memory.store(0x2000, std::byte{0x55});  // by another mapping
  read_only.breakpoints.lift();
  read_only.arm();
  REQUIRE(read_only.plan->pages == Pages{{0x2000, kWrites}});
  read_only.breakpoints.lift();
  read_only.state.cr0 &= ~kCr0Wp;
  read_only.arm();
  REQUIRE(read_only.plan->pages == Pages{{0x2000, kWrites}});
}

TEST_CASE("a trap on a page of the CPU's own protects nothing, nor does one on a host that can't") {
  Bench stack(protecting(vtx()));
  stack.turn_paging_on(false);
  stack.state.gpr[kRsp] = 0x2800;
  fill_registers(stack);
  stack.insert(0x2000);
  stack.arm();
  REQUIRE(stack.byte(0x2000) == std::byte{0xcc});
  REQUIRE(stack.plan->pages.empty());

  Bench found(protecting(vtx()));
  found.turn_paging_on(false);
  fill_registers(found);
  found.insert(0x2000);
  found.breakpoints.note_stack(0x2000);
  found.arm();
  REQUIRE(found.plan->pages.empty());

  Bench bare(vtx());
  bare.turn_paging_on(false);
  fill_registers(bare);
  bare.insert(0x2000);
  bare.arm();
  REQUIRE(bare.plan->pages.empty());
}

TEST_CASE("a promised page is protected, from reads too, until the guest has mapped it or runs there") {
  const std::vector<LinkHint> kernel{{.link = 0xffff800000001000, .size = 0x1000, .physical = 0x2000}};
  const std::vector<LinkHint> user{{.link = 0x402000, .size = 0x1000, .physical = 0x2000}};
  Bench promised(protecting(pvm()), kernel);
  fill_registers(promised);
  promised.insert(0xffff800000001000);
  promised.arm();
  REQUIRE(promised.plan->rows.back().places.front().promised);
  REQUIRE(promised.plan->pages == Pages{{0x2000, kAll}});
  const auto ended = [&](std::uint64_t physical) {
    return promised.plan->promise_ended(physical, promised.state, promised.memory);
  };
  REQUIRE_FALSE(ended(0x2800));
  promised.turn_paging_on(false);  // not where the image said: the guest will move it
  REQUIRE(ended(0x2800));
  REQUIRE_FALSE(ended(0x3000));

  Bench running(protecting(pvm()), kernel);
  fill_registers(running);
  running.insert(0xffff800000001000);
  running.arm();
  running.breakpoints.lift();
  CpuState there = running.state;
  there.rip = 0x2010;
  running.breakpoints.note_executed(there);
  running.arm();
  REQUIRE(running.plan->rows.back().places.front().promised);
  REQUIRE(running.plan->pages == Pages{{0x2000, kWrites}});

  Bench of_user(protecting(pvm()), user);
  fill_registers(of_user);
  of_user.insert(0x402000);
  of_user.arm();
  REQUIRE(of_user.byte(0x2000) == std::byte{0xcc});
  REQUIRE(of_user.plan->pages == Pages{{0x2000, kAll}});
  REQUIRE(of_user.breakpoints.needs_another_look());
}

TEST_CASE("a page whose code the guest is to unpack is protected from reads, or nothing is planted there yet") {
  const std::vector<LinkHint> unpacked{
      {.link = 0xffffffff80002000, .size = 0x1000, .physical = 0x2000, .awaited = true}};
  Bench bench(protecting(vtx()), unpacked);
  fill_registers(bench);
  bench.insert(0xffffffff80002000);
  bench.arm();
  REQUIRE(bench.byte(0x2000) == std::byte{0xcc});
  REQUIRE(bench.plan->pages == Pages{{0x2000, kAll}});

  Bench bare(vtx(), unpacked);
  fill_registers(bare);
  bare.insert(0xffffffff80002000);
  bare.arm();
  REQUIRE(bare.byte(0x2000) == kCode);
  REQUIRE(bare.plan->rows.back().mechanism == Mechanism::kWaiting);
  REQUIRE(bare.breakpoints.needs_another_look());
}

TEST_CASE("an address of the lower half is planted in every address space seen; one of the upper half once") {
  Bench bench(vtx());
  bench.turn_paging_on(false);
  fill_registers(bench);
  bench.insert(0x1000);
  bench.insert(0xffff800000001010);
  bench.arm();
  bench.breakpoints.lift();
  bench.state = bench.other_space(0x20000, 0x2000);  // the first one is remembered
  bench.arm();
  REQUIRE(bench.byte(0x1000) == std::byte{0xcc});
  REQUIRE(bench.byte(0x2000) == std::byte{0xcc});
  REQUIRE(bench.plan->rows[4].places.size() == 2);
  REQUIRE(bench.plan->rows[5].places.empty());
  bench.breakpoints.lift();
  REQUIRE(bench.byte(0x1000) == kCode);
  REQUIRE(bench.byte(0x2000) == kCode);
}

TEST_CASE("the filter plants in one address space, whichever the CPU is in, and leaves the upper half alone") {
  Bench bench(vtx());
  bench.turn_paging_on(false);
  fill_registers(bench);
  bench.other_space(0x20000, 0x2000);
  bench.insert(0x1000);
  bench.insert(0xffff800000001010);
  bench.breakpoints.cr3_filter = 0x20000;
  bench.arm();
  REQUIRE(bench.byte(0x1000) == kCode);
  REQUIRE(bench.byte(0x2000) == std::byte{0xcc});
  REQUIRE(bench.byte(0x1010) == std::byte{0xcc});
  REQUIRE(bench.plan->counts_in(0x1000, 0x20000));
  REQUIRE_FALSE(bench.plan->counts_in(0x1000, bench.state.cr3));
  bench.breakpoints.lift();
  bench.breakpoints.clear();
  REQUIRE_FALSE(bench.breakpoints.cr3_filter);
  REQUIRE(bench.breakpoints.empty());
}

TEST_CASE("a watchpoint that is stepped for takes the traps out of memory") {
  Bench bench(pvm());
  bench.turn_paging_on(false);
  fill_registers(bench);
  bench.insert(0x1000);
  bench.insert(0xffff800000002000, BreakpointType::kWriteWatch);
  bench.arm();
  REQUIRE(bench.plan->trace);
  REQUIRE(bench.byte(0x1000) == kCode);
  REQUIRE(bench.plan->rows[4].mechanism == Mechanism::kCompare);
  REQUIRE(bench.plan->rows[4].why == "every instruction is looked at");
}

TEST_CASE("a caught exception is a row at its handler, and waits while there is none") {
  Bench bench(vtx());
  const std::vector<std::string> words{"exception", "6"};
  REQUIRE(bench.breakpoints.catchpoints.add(words));
  bench.memory.store<std::uint32_t>(6 * 4, 0x01000234);
  bench.arm();
  REQUIRE(bench.plan->caught_at(0x1234) != nullptr);
  REQUIRE(bench.plan->registers[0]->address == 0x1234);
  REQUIRE(bench.breakpoints.looks_again());
  bench.breakpoints.lift();
  bench.state.idt.limit = 0;
  bench.arm();
  REQUIRE(bench.plan->caught_at(0x1234) == nullptr);
  REQUIRE(bench.plan->rows.size() == 1);
}
