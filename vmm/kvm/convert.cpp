#include "vmm/kvm/convert.hpp"

#include <array>
#include <cstring>

#include "vmm/base/errors.hpp"
#include "vmm/kvm/kvm_api.hpp"

namespace vmm::kvm {

namespace {

// In the order of vmm::Gpr.
constexpr std::array<__u64 kvm_regs::*, 16> kGprs = {&kvm_regs::rax, &kvm_regs::rbx, &kvm_regs::rcx, &kvm_regs::rdx,
                                                     &kvm_regs::rsi, &kvm_regs::rdi, &kvm_regs::rbp, &kvm_regs::rsp,
                                                     &kvm_regs::r8,  &kvm_regs::r9,  &kvm_regs::r10, &kvm_regs::r11,
                                                     &kvm_regs::r12, &kvm_regs::r13, &kvm_regs::r14, &kvm_regs::r15};

// In the order of vmm::SegmentIndex.
constexpr std::array<::kvm_segment kvm_sregs::*, 6> kSegments = {&kvm_sregs::cs, &kvm_sregs::ss, &kvm_sregs::ds,
                                                                 &kvm_sregs::es, &kvm_sregs::fs, &kvm_sregs::gs};

Segment from_kvm(const ::kvm_segment& in) {
  return {.base = in.base,
          .limit = in.limit,
          .selector = in.selector,
          .type = in.type,
          .dpl = in.dpl,
          .present = in.present != 0,
          .code_or_data = in.s != 0,
          .db = in.db != 0,
          .l = in.l != 0,
          .g = in.g != 0,
          .avl = in.avl != 0,
          .unusable = in.unusable != 0};
}

::kvm_segment to_kvm(const Segment& in) {
  ::kvm_segment out{};
  out.base = in.base;
  out.limit = in.limit;
  out.selector = in.selector;
  out.type = in.type;
  out.dpl = in.dpl;
  out.present = in.present;
  out.s = in.code_or_data;
  out.db = in.db;
  out.l = in.l;
  out.g = in.g;
  out.avl = in.avl;
  out.unusable = in.unusable;
  return out;
}

// Offsets in the FXSAVE image in 64-bit format (SDM 1, table 10-2).
constexpr std::size_t kFcw = 0;
constexpr std::size_t kFsw = 2;
constexpr std::size_t kFtw = 4;
constexpr std::size_t kFop = 6;
constexpr std::size_t kFip = 8;
constexpr std::size_t kFdp = 16;
constexpr std::size_t kMxcsr = 24;
constexpr std::size_t kSt = 32;
constexpr std::size_t kXmm = 160;
// Behind it: the header's component bitmap, and the AVX component, whose place CPUID.(0DH,2).EBX gives as 576 on all
// CPUs.
constexpr std::size_t kXstateBv = 512;
constexpr std::size_t kYmmHigh = 576;
constexpr std::size_t kXsaveSize = kYmmHigh + 16 * 16;
constexpr std::uint64_t kComponentsX87AndSse = 3;
constexpr std::uint64_t kComponentAvx = 4;

template <typename T>
void get(std::span<const std::byte> area, std::size_t offset, T& value) {
  std::memcpy(&value, area.data() + offset, sizeof value);
}
template <typename T>
void put(std::span<std::byte> area, std::size_t offset, const T& value) {
  std::memcpy(area.data() + offset, &value, sizeof value);
}

}  // namespace

CpuState from_kvm(const ::kvm_regs& regs, const ::kvm_sregs& sregs) {
  CpuState state;
  for (std::size_t i = 0; i < kGprs.size(); ++i) state.gpr[i] = regs.*kGprs[i];
  state.rip = regs.rip;
  state.rflags = regs.rflags;
  for (std::size_t i = 0; i < kSegments.size(); ++i) state.segments[i] = from_kvm(sregs.*kSegments[i]);
  state.ldt = from_kvm(sregs.ldt);
  state.tr = from_kvm(sregs.tr);
  state.gdt = {.base = sregs.gdt.base, .limit = sregs.gdt.limit};
  state.idt = {.base = sregs.idt.base, .limit = sregs.idt.limit};
  state.cr0 = sregs.cr0;
  state.cr2 = sregs.cr2;
  state.cr3 = sregs.cr3;
  state.cr4 = sregs.cr4;
  state.cr8 = sregs.cr8;
  state.efer = sregs.efer;
  state.apic_base = sregs.apic_base;
  return state;
}

void to_kvm(const CpuState& state, ::kvm_regs& regs) {
  for (std::size_t i = 0; i < kGprs.size(); ++i) regs.*kGprs[i] = state.gpr[i];
  regs.rip = state.rip;
  regs.rflags = state.rflags;
}

void to_kvm(const CpuState& state, ::kvm_sregs& sregs) {
  sregs = {};
  for (std::size_t i = 0; i < kSegments.size(); ++i) sregs.*kSegments[i] = to_kvm(state.segments[i]);
  sregs.ldt = to_kvm(state.ldt);
  sregs.tr = to_kvm(state.tr);
  sregs.gdt.base = state.gdt.base;
  sregs.gdt.limit = state.gdt.limit;
  sregs.idt.base = state.idt.base;
  sregs.idt.limit = state.idt.limit;
  sregs.cr0 = state.cr0;
  sregs.cr2 = state.cr2;
  sregs.cr3 = state.cr3;
  sregs.cr4 = state.cr4;
  sregs.cr8 = state.cr8;
  sregs.efer = state.efer;
  sregs.apic_base = state.apic_base;
}

void from_xsave(std::span<const std::byte> area, ExtendedState& state) {
  VMM_CHECK(area.size() >= kXsaveSize);
  get(area, kFcw, state.fcw);
  get(area, kFsw, state.fsw);
  get(area, kFtw, state.ftw);
  get(area, kFop, state.fop);
  get(area, kFip, state.fip);
  get(area, kFdp, state.fdp);
  get(area, kMxcsr, state.mxcsr);
  for (std::size_t i = 0; i < state.st.size(); ++i) get(area, kSt + 16 * i, state.st[i]);
  for (std::size_t i = 0; i < state.xmm.size(); ++i) get(area, kXmm + 16 * i, state.xmm[i]);
  std::uint64_t components = 0;
  get(area, kXstateBv, components);
  state.ymm_high = {};
  if ((components & kComponentAvx) == 0) return;
  for (std::size_t i = 0; i < state.ymm_high.size(); ++i) get(area, kYmmHigh + 16 * i, state.ymm_high[i]);
}

void to_xsave(const ExtendedState& state, std::span<std::byte> area) {
  VMM_CHECK(area.size() >= kXsaveSize);
  ExtendedState present;
  from_xsave(area, present);
  put(area, kFcw, state.fcw);
  put(area, kFsw, state.fsw);
  put(area, kFtw, state.ftw);
  put(area, kFop, state.fop);
  put(area, kFip, state.fip);
  put(area, kFdp, state.fdp);
  put(area, kMxcsr, state.mxcsr);
  for (std::size_t i = 0; i < state.st.size(); ++i) put(area, kSt + 16 * i, state.st[i]);
  for (std::size_t i = 0; i < state.xmm.size(); ++i) put(area, kXmm + 16 * i, state.xmm[i]);
  std::uint64_t components = 0;
  get(area, kXstateBv, components);
  components |= kComponentsX87AndSse;
  if (state.ymm_high != present.ymm_high) {
    components |= kComponentAvx;
    for (std::size_t i = 0; i < state.ymm_high.size(); ++i) put(area, kYmmHigh + 16 * i, state.ymm_high[i]);
  }
  put(area, kXstateBv, components);
}

}  // namespace vmm::kvm
