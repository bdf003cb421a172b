#include "vmm/cpu/cpu_state.hpp"

namespace vmm {

CpuMode mode_of(const CpuState& state) {
  const Segment& code = state.segments[kCs];
  if ((state.cr0 & kCr0Pe) == 0) return CpuMode::kReal;
  if ((state.efer & kEferLma) != 0) {
    if (code.l) return CpuMode::kLong64;
    return code.db ? CpuMode::kCompat32 : CpuMode::kCompat16;
  }
  if ((state.rflags & kRflagsVm) != 0) return CpuMode::kVm86;
  return code.db ? CpuMode::kProtected32 : CpuMode::kProtected16;
}

std::string_view name_of(CpuMode mode) {
  static constexpr std::array<std::string_view, 7> kNames = {
      "real", "virtual-8086", "protected-16", "protected-32", "compatibility-16", "compatibility-32", "long-64",
  };
  return kNames.at(static_cast<std::size_t>(mode));
}

unsigned cpl_of(const CpuState& state) {
  switch (mode_of(state)) {
    case CpuMode::kReal: return 0;
    case CpuMode::kVm86: return 3;
    default: return state.segments[kSs].dpl;
  }
}

std::uint64_t linear_pc(const CpuState& state) {
  if (mode_of(state) == CpuMode::kLong64) return state.rip;
  return static_cast<std::uint32_t>(state.segments[kCs].base + state.rip);
}

std::uint64_t stack_top(const CpuState& state) {
  const std::uint64_t rsp = state.gpr[kRsp];
  if (mode_of(state) == CpuMode::kLong64) return rsp;
  const Segment& ss = state.segments[kSs];
  return static_cast<std::uint32_t>(ss.base + (rsp & (ss.db ? 0xffffffffU : 0xffffU)));
}

}  // namespace vmm
