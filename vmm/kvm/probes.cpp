#include "vmm/kvm/probes.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <variant>

#include "vmm/base/errors.hpp"
#include "vmm/kvm/bench.hpp"
#include "vmm/kvm/kvm_api.hpp"

namespace vmm::kvm {

namespace {

constexpr auto kCode = Bench::kCode;
constexpr auto kHandler = Bench::kHandler;
constexpr auto kData = Bench::kData;
constexpr std::uint64_t kUnbacked = 0xf0000;  // a page of the BIOS area, taken away
constexpr auto kOut = Bench::kOut;
constexpr auto kEndPort = Bench::kEndPort;
constexpr std::byte kNop{0x90};
constexpr std::byte kInt3{0xcc};
constexpr std::byte kIcebp{0xf1};

TrapEffect trap_effect(Bench& bench, const CpuState& state, std::byte instruction) {
  bench.put(kCode, {instruction, kOut, kEndPort});
  const Exit exit = bench.run(state, {.trap_int3 = true});
  const bool at_trap = bench.vcpu().state().rip == kCode;
  bench.settle();
  if (const auto* debug = std::get_if<ExitDebug>(&exit)) {
    return debug->linear_pc == kCode || at_trap ? TrapEffect::kDebugExit : TrapEffect::kNone;
  }
  if (std::holds_alternative<ExitEmulationFailure>(exit) && at_trap) return TrapEffect::kEmulationFailure;
  return TrapEffect::kNone;
}

/// `nop; nop; out` with an execute register on the second nop.
bool execute_register_fires(Bench& bench, const CpuState& state) {
  bench.put(kCode, {kNop, kNop, kOut, kEndPort});
  DebugControl control;
  control.registers[0] = DebugRegister{.address = kCode + 1};
  const Exit exit = bench.run(state, control);
  const bool at_address = bench.vcpu().state().rip == kCode + 1;
  bench.settle();
  return std::holds_alternative<ExitDebug>(exit) && at_address;
}

/// `nop; nop; out` with an execute register of the guest's own on the second nop, while one of ours waits elsewhere:
/// the guest's handler must be reached.
bool guest_registers_fire_beside(Bench& bench) {
  bench.put(kCode, {kNop, kNop, kOut, kEndPort});
  constexpr std::uint64_t kGlobal0 = 0x402;  // DR7.G0, and the bit that is always 1 (SDM 3B 18.2.4)
  bench.vcpu().set_guest_debug_registers({.db = {kCode + 1}, .dr6 = 0xffff0ff0, .dr7 = kGlobal0});
  DebugControl control;
  control.registers[1] = DebugRegister{.address = kHandler + 0x400};
  bench.run(bench.real(), control);
  const bool in_handler = bench.vcpu().state().rip >= kHandler;
  bench.settle();
  bench.vcpu().set_guest_debug_registers({.db = {}, .dr6 = 0xffff0ff0, .dr7 = 0x400});
  return in_handler;
}

/// `mov [kData], al; nop; out` with a write register on kData.
bool data_register_fires(Bench& bench) {
  bench.put(kCode, {std::byte{0xa2}, std::byte{kData & 0xff}, std::byte{kData >> 8}, kNop, kOut, kEndPort});
  DebugControl control;
  control.registers[0] = DebugRegister{.kind = DebugRegister::Kind::kWrite, .length = 4, .address = kData};
  const Exit exit = bench.run(bench.real(), control);
  bench.settle();
  return std::holds_alternative<ExitDebug>(exit);
}

bool step_works(Bench& bench, const CpuState& state) {
  bench.put(kCode, {kNop, kNop, kOut, kEndPort});
  const Exit exit = bench.run(state, {.step = true});
  const bool one_further = bench.vcpu().state().rip == kCode + 1;
  bench.settle();
  return std::holds_alternative<ExitDebug>(exit) && one_further;
}

/// Steps over `ud2`, whose handler is `nop; nop; out`.
bool step_enters_handlers(Bench& bench) {
  constexpr std::uint32_t kFaultHandler = kHandler + 0x100;
  constexpr std::uint64_t kVectorUd = 6;
  bench.put(kVectorUd * 4, kFaultHandler);
  bench.put(kFaultHandler, {kNop, kNop, kOut, kEndPort});
  bench.put(kCode, {std::byte{0x0f}, std::byte{0x0b}});
  const Exit exit = bench.run(bench.real(), {.step = true});
  const std::uint64_t rip = bench.vcpu().state().rip;
  bench.settle();
  return std::holds_alternative<ExitDebug>(exit) && rip >= kFaultHandler && rip <= kFaultHandler + 1;
}

/// Steps over `cpuid`, which leaves the guest on VT-x and SVM, then goes on: the guest must see no #DB.
bool step_goes_stale(Bench& bench) {
  bench.put(kCode, {std::byte{0x0f}, std::byte{0xa2}, kNop, kOut, kEndPort});
  bench.run(bench.real(), {.step = true});
  if (bench.vcpu().state().rip == kCode) bench.resume();  // the page's first use left it as well
  bench.vcpu().set_debug({});
  bench.resume();
  const bool in_handler = bench.vcpu().state().rip >= kHandler;
  bench.settle();
  return in_handler;
}

/// Programs the PIC, raises an interrupt, steps one nop: with BLOCKIRQ it must end behind the nop, not in the handler.
bool interrupts_can_be_blocked(const System& system) {
  if ((system.extension(KVM_CAP_SET_GUEST_DEBUG2) & KVM_GUESTDBG_BLOCKIRQ) == 0) return false;
  // Interrupt chips make a VM slow to build and to tear down (20 ms on PVM), so only this micro-guest has them.
  Bench bench(system, Vm::Chips::kIrqchipAndPit);
  const auto out = [](std::uint8_t port, std::uint8_t value) {  // mov al, value; out port, al
    return std::array{std::byte{0xb0}, std::byte{value}, kOut, std::byte{port}};
  };
  // ICW1-4 with vectors from 0x20, then everything unmasked (8259A data sheet).
  std::uint64_t at = kCode;
  for (const auto& piece : {out(0x20, 0x11), out(0x21, 0x20), out(0x21, 4), out(0x21, 1), out(0x21, 0)}) {
    for (std::byte byte : piece) bench.put(at++, {byte});
  }
  bench.put(at, {kOut, kEndPort, kNop, kNop, kOut, kEndPort});
  bench.run(bench.real(), {});
  bench.settle();
  CpuState state = bench.real();
  state.rip = at + 2;
  state.rflags |= kRflagsIf;
  constexpr std::uint32_t kIrq = 3;
  bench.vm().set_irq(kIrq, true);
  const Exit exit = bench.run(state, {.step = true, .block_interrupts = true});
  const bool behind_nop = bench.vcpu().state().rip == at + 3;
  bench.vm().set_irq(kIrq, false);
  bench.settle();
  return std::holds_alternative<ExitDebug>(exit) && behind_nop;
}

bool paging32_works(Bench& bench) {
  bench.put(kCode, {kNop, kOut, kEndPort});
  try {
    const Exit exit = bench.run(bench.paging32(), {});
    const bool stays = (bench.vcpu().state().cr0 & kCr0Pg) != 0;
    bench.settle();
    return std::holds_alternative<ExitIo>(exit) && stays;
  } catch (const HostError&) {
    return false;
  }
}

/// The kernel writes STAR and LSTAR; then `syscall` in user mode must arrive at LSTAR with CPL 0 (SDM 3A 5.8.8).
bool syscall_works(Bench& bench) {
  std::uint64_t at = kCode;
  const auto move = [&](unsigned opcode, std::uint32_t value) {  // mov r32, imm32
    bench.put(at, {static_cast<std::byte>(opcode)});
    bench.put(at + 1, value);
    at += 5;
  };
  const auto wrmsr = [&](std::uint32_t msr, std::uint32_t low, std::uint32_t high) {
    move(0xb9, msr);
    move(0xb8, low);
    move(0xba, high);
    bench.put(at, {std::byte{0x0f}, std::byte{0x30}});
    at += 2;
  };
  CpuState kernel = bench.kernel();
  kernel.efer |= kEferSce;
  wrmsr(0xc0000081, 0, kernel.segments[kCs].selector);
  wrmsr(0xc0000082, kHandler, 0);
  bench.put(at, {kOut, kEndPort, std::byte{0x0f}, std::byte{0x05}});
  const Exit ready = bench.run(kernel, {});
  bench.settle();
  if (!std::holds_alternative<ExitIo>(ready)) return false;
  CpuState user = bench.user();
  user.efer |= kEferSce;
  user.rip = at + 2;
  const Exit exit = bench.run(user, {});
  const CpuState there = bench.vcpu().state();
  bench.settle();
  return std::holds_alternative<ExitIo>(exit) && there.rip >= kHandler && cpl_of(there) == 0;
}

/// `mov [kData], eax` in long mode, into a read-only page: address, size and data must come out, and memory stay.
bool protected_store_leaves(Bench& bench, CpuState state) {
  constexpr std::uint32_t kBefore = 0x11111111;
  constexpr std::uint32_t kStored = 0x12345678;
  bench.put(kCode, {std::byte{0x89}, std::byte{0x04}, std::byte{0x25}});
  bench.put(kCode + 3, static_cast<std::uint32_t>(kData));
  bench.put(kCode + 7, {kOut, kEndPort});
  bench.put(kData, kBefore);
  state.gpr[kRax] = kStored;
  const Exit exit = bench.run(state, {});
  const auto* store = std::get_if<ExitMmio>(&exit);
  const bool whole = store != nullptr && store->write && store->address == kData &&
                     std::ranges::equal(store->data, std::as_bytes(std::span(&kStored, 1)));
  bench.settle();
  return whole && bench.memory().load<std::uint32_t>(kData) == kBefore;
}

/// `mov eax, [kUnbacked]; out` in long mode, from a page without slot: the guest must get what we answer.
bool protected_load_leaves(Bench& bench) {
  constexpr std::uint32_t kAnswer = 0x12345678;
  bench.put(kCode, {std::byte{0x8b}, std::byte{0x04}, std::byte{0x25}});
  bench.put(kCode + 3, static_cast<std::uint32_t>(kUnbacked));
  bench.put(kCode + 7, {kOut, kEndPort});
  const Exit exit = bench.run(bench.kernel(), {});
  const auto* load = std::get_if<ExitMmio>(&exit);
  const bool whole =
      load != nullptr && !load->write && load->address == kUnbacked && load->data.size() == sizeof kAnswer;
  if (whole) std::ranges::copy(std::as_bytes(std::span(&kAnswer, 1)), load->data.begin());
  const bool ended = whole && std::holds_alternative<ExitIo>(bench.resume());
  bench.settle();
  return ended && bench.vcpu().state().gpr[kRax] == kAnswer;
}

/// Last of what runs on the bench: its pages stay protected, as each change may cost milliseconds on a busy host.
void probe_protected_pages(Bench& bench, HostAbilities& found) {
  std::vector<ProtectedPage> pages{{kUnbacked, ProtectedPage::Traps::kAll}};
  const bool read_only = bench.vm().system().extension(KVM_CAP_READONLY_MEM) != 0;
  if (read_only) pages.push_back({kData, ProtectedPage::Traps::kWrites});
  bench.vm().protect(pages);
  found.protect_writes = read_only && protected_store_leaves(bench, bench.kernel());
  found.protect_writes_user = read_only && protected_store_leaves(bench, bench.user());
  found.protect_all = protected_load_leaves(bench);
}

/// `rdmsr; out` of a trapped MSR: it must leave, and the guest get its value.
bool msr_access_leaves(Bench& bench) {
  constexpr std::uint32_t kSysenterEip = 0x176;
  constexpr std::uint64_t kValue = 0x12345678;
  bench.put(kCode, {std::byte{0x0f}, std::byte{0x32}, kOut, kEndPort});
  if (!bench.vm().trap_msrs(std::array{MsrRange{kSysenterEip}})) return false;
  bench.vcpu().set_msr(kSysenterEip, kValue);
  CpuState state = bench.kernel();
  state.gpr[kRcx] = kSysenterEip;
  const Exit exit = bench.run(state, {});
  const auto* access = std::get_if<ExitMsr>(&exit);
  const bool left = access != nullptr && !access->write && access->index == kSysenterEip;
  if (left) bench.vcpu().complete_msr(*access);
  const bool ended = left && std::holds_alternative<ExitIo>(bench.resume());
  bench.settle();
  return ended && bench.vcpu().state().gpr[kRax] == kValue;
}

std::string text_of(TrapEffect effect) {
  switch (effect) {
    case TrapEffect::kDebugExit: return "debug exit";
    case TrapEffect::kEmulationFailure: return "emulation failure";
    case TrapEffect::kNone: return "no";
  }
  return "no";
}

}  // namespace

HostAbilities probe(const System& system) {
  Bench bench(system, Vm::Chips::kNone);
  HostAbilities found;
  found.sync_regs = (system.extension(KVM_CAP_SYNC_REGS) & KVM_SYNC_X86_REGS) != 0;
  found.block_interrupts = interrupts_can_be_blocked(system);
  found.int3_real = trap_effect(bench, bench.real(), kInt3);
  found.icebp_real = trap_effect(bench, bench.real(), kIcebp);
  found.step = step_works(bench, bench.real());
  found.step_enters_handlers = step_enters_handlers(bench);
  found.stale_step = step_goes_stale(bench);
  found.execute_registers = execute_register_fires(bench, bench.real());
  found.data_registers = data_register_fires(bench);
  found.guest_registers_beside = guest_registers_fire_beside(bench);
  found.int3_kernel = trap_effect(bench, bench.kernel(), kInt3);
  found.icebp_kernel = trap_effect(bench, bench.kernel(), kIcebp);
  found.paging32 = paging32_works(bench);
  found.execute_registers_user = execute_register_fires(bench, bench.user());
  found.step_user = step_works(bench, bench.user());
  found.int3_user = trap_effect(bench, bench.user(), kInt3);
  found.syscall = syscall_works(bench);
  found.msr_exits = msr_access_leaves(bench);
  probe_protected_pages(bench, found);
  return found;
}

std::vector<AbilityRow> describe(const HostAbilities& host) {
  const auto yes_no = [](bool value) { return std::string(value ? "yes" : "no"); };
  const auto trap = [](std::string_view key, TrapEffect effect, const std::string& where) {
    std::string meaning;
    switch (effect) {
      case TrapEffect::kDebugExit: meaning = "breakpoints in memory work " + where; break;
      case TrapEffect::kEmulationFailure:
        meaning = "breakpoints in memory work " + where + ", recognised by KVM's failure to emulate them";
        break;
      case TrapEffect::kNone: meaning = "the guest swallows it " + where + ": another mechanism is used there"; break;
    }
    return AbilityRow{key, text_of(effect), effect == TrapEffect::kDebugExit, meaning};
  };
  const auto flag = [&](std::string_view key, bool value, std::string with, std::string without) {
    return AbilityRow{key, yes_no(value), value, value ? std::move(with) : std::move(without)};
  };
  std::vector<AbilityRow> rows;
  rows.push_back(trap("int3-real-mode", host.int3_real, "in real mode"));
  rows.push_back(trap("int3-kernel-mode", host.int3_kernel, "in long mode at CPL 0"));
  rows.push_back(trap("int3-user-mode", host.int3_user, "in user mode"));
  rows.push_back(trap("icebp-real-mode", host.icebp_real, "in real mode"));
  rows.push_back(trap("icebp-kernel-mode", host.icebp_kernel, "in long mode at CPL 0"));
  // On VT-x and SVM an icebp reaches the guest as #DB: that is as it should be.
  rows[3].good = rows[4].good = true;
  rows.push_back(flag("execute-debug-registers", host.execute_registers, "four breakpoints need no change of memory",
                      "`hbreak` is refused; `break` plants in memory"));
  rows.push_back(flag("execute-debug-registers-user", host.execute_registers_user, "also in user mode",
                      "not in user mode: `hbreak` on a user address never hits"));
  rows.push_back(flag("guest-debug-registers", host.guest_registers_beside, "the guest's own fire beside ours",
                      "gdbvm arms the guest's own together with ours"));
  rows.push_back(flag("data-debug-registers", host.data_registers, "`watch` can use debug registers",
                      "`watch` is served by protected pages, or by stepping"));
  rows.push_back(flag("single-step", host.step, "`stepi` works", "`stepi` does not work on this host"));
  rows.push_back(flag("single-step-user", host.step_user, "also in user mode",
                      "in user mode gdbvm steps by catching the guest's own #DB handler"));
  rows.push_back({"step-into-handlers", yes_no(host.step_enters_handlers), true,
                  host.step_enters_handlers ? "a step over what faults ends in the guest's handler"
                                            : "gdbvm sees to it with debug registers on the guest's handlers"});
  rows.push_back(flag("clean-steps", !host.stale_step, "nothing of a step is left behind",
                      "KVM may report a step twice: gdbvm drops the second report"));
  rows.push_back(flag("block-interrupts", host.block_interrupts, "steps do not land in interrupt handlers",
                      "a step may land in an interrupt handler"));
  rows.push_back(flag("paging-32-bit", host.paging32, "32-bit paged guests run",
                      "32-bit paged guests (PAE, too) do not run on this host"));
  rows.push_back(flag("syscall", host.syscall, "64-bit user mode can call its kernel by SYSCALL",
                      "SYSCALL does not reach the kernel: 64-bit user programs that use it do not run on this host"));
  rows.push_back(flag("sync-regs", host.sync_regs, "reading registers at a stop is free",
                      "reading registers costs two ioctls a stop"));
  rows.push_back(flag("protect-writes", host.protect_writes,
                      "`watch` needs no debug register: stores to a page can be caught",
                      "stores to a page can't be caught: `watch` needs debug registers or steps"));
  rows.push_back(flag("protect-writes-user", host.protect_writes_user, "also in user mode",
                      "not in user mode: `watch` misses what user programs write"));
  rows.push_back(flag("protect-all", host.protect_all, "so can loads: `rwatch` and `awatch` need no debug register",
                      "loads can't be caught: `rwatch` and `awatch` need debug registers"));
  rows.push_back(flag("msr-exits", host.msr_exits, "the guest's accesses to chosen MSRs can be seen",
                      "the guest's accesses to MSRs can't be seen"));
  return rows;
}

}  // namespace vmm::kvm
