#include "vmm/kvm/bench.hpp"

#include "vmm/cpu/entry_state.hpp"
#include "vmm/memory/layout.hpp"

namespace vmm::kvm {

namespace {

constexpr std::uint64_t kTables = 0x3000;  // GDT and TSS
constexpr std::uint64_t kPml4 = 0x4000;
constexpr std::uint64_t kPdpt = 0x5000;
constexpr std::uint64_t kPageDirectory = 0x6000;
constexpr std::uint64_t kPageDirectory32 = 0x7000;

CpuState with_stack(CpuState state) {
  state.gpr[kRsp] = Bench::kStack;
  return state;
}

}  // namespace

Bench::Bench(const System& system, Vm::Chips chips)
    : memory_(layout::kMinRam), vm_(system, memory_, chips), vcpu_(vm_, 0), reset_(vcpu_.state()) {
  for (std::uint32_t vector = 0; vector < 256; ++vector) {
    memory_.store(vector * 4, static_cast<std::uint32_t>(kHandler));
  }
  put(kHandler, {kOut, kEndPort});
  memory_.write(kTables, boot_tables(kTables));
  memory_.store(kPml4, kPdpt | 7);
  memory_.store(kPdpt, kPageDirectory | 7);
  memory_.store<std::uint64_t>(kPageDirectory, 0x87);    // 2 MiB, present, writable, user
  memory_.store<std::uint32_t>(kPageDirectory32, 0x87);  // 4 MiB
}

CpuState Bench::real() const { return with_stack(real_mode_entry(reset_, kCode)); }

CpuState Bench::kernel() const { return with_stack(long64_entry(reset_, kCode, kPml4, kTables)); }

CpuState Bench::user() const {
  CpuState state = kernel();
  for (Segment& segment : state.segments) {
    segment.dpl = 3;
    segment.selector |= 3;
  }
  return state;
}

CpuState Bench::paging32() const {
  CpuState state = with_stack(protected32_entry(reset_, static_cast<std::uint32_t>(kCode), kTables));
  state.cr3 = kPageDirectory32;
  state.cr4 |= kCr4Pse;
  state.cr0 |= kCr0Pg;
  return state;
}

Exit Bench::run(const CpuState& state, const DebugControl& control) {
  vcpu_.set_state(state);
  vcpu_.set_debug(control);
  return resume();
}

Exit Bench::resume() {
  for (;;) {
    Exit exit = vcpu_.run();
    if (!std::holds_alternative<ExitInterrupted>(exit)) return exit;
  }
}

void Bench::settle() {
  vcpu_.set_immediate_exit(true);
  vcpu_.run();
  vcpu_.set_immediate_exit(false);
}

}  // namespace vmm::kvm
