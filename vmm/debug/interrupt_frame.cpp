#include "vmm/debug/interrupt_frame.hpp"

#include <array>
#include <cstddef>
#include <span>

#include "vmm/cpu/page_walk.hpp"
#include "vmm/cpu/segment.hpp"

namespace vmm {

namespace {

template <typename T>
std::optional<T> load_linear(const CpuState& state, const GuestMemory& memory, std::uint64_t address) {
  T value{};
  if (read_linear(state, memory, address, std::as_writable_bytes(std::span(&value, 1))) != sizeof value) return {};
  return value;
}

std::optional<Segment> descriptor(const CpuState& state, const GuestMemory& memory, std::uint16_t selector) {
  const bool local = (selector & 4) != 0;
  const std::uint64_t base = local ? state.ldt.base : state.gdt.base;
  const std::uint64_t limit = local ? state.ldt.limit : state.gdt.limit;
  const std::uint64_t offset = selector & 0xfff8U;
  if (offset == 0 || offset + 7 > limit) return {};
  const auto raw = load_linear<std::uint64_t>(state, memory, base + offset);
  if (!raw) return {};
  Segment segment = decode_descriptor(*raw, selector);
  segment.type |= 1;  // accessed, as the CPU would set it
  return segment;
}

// What IRETQ may change (SDM 2A, IRET): everything but VM, VIF, VIP and the reserved bits.
constexpr std::uint64_t kRflagsLoadable = 0x257fd5;

}  // namespace

std::optional<std::uint64_t> handler_of(const CpuState& state, const GuestMemory& memory, unsigned vector) {
  if ((state.efer & kEferLma) == 0) return {};
  const std::uint64_t offset = std::uint64_t{vector} * 16;
  if (offset + 15 > state.idt.limit) return {};
  const auto gate = load_linear<std::array<std::uint32_t, 4>>(state, memory, state.idt.base + offset);
  constexpr std::uint32_t kPresent = 1U << 15;
  if (!gate || ((*gate)[1] & kPresent) == 0) return {};
  return ((*gate)[0] & 0xffffU) | ((*gate)[1] & 0xffff0000U) | (std::uint64_t{(*gate)[2]} << 32U);
}

std::optional<InterruptFrame> frame_at(const CpuState& state, const GuestMemory& memory, std::uint64_t address) {
  const auto words = load_linear<std::array<std::uint64_t, 5>>(state, memory, address);
  if (!words) return {};
  return InterruptFrame{
      .rip = (*words)[0], .cs = (*words)[1], .rflags = (*words)[2], .rsp = (*words)[3], .ss = (*words)[4]};
}

std::optional<CpuState> return_to_user(const CpuState& state, const GuestMemory& memory, const InterruptFrame& frame) {
  if (!frame.from_user()) return {};
  const auto cs = descriptor(state, memory, static_cast<std::uint16_t>(frame.cs));
  const auto ss = descriptor(state, memory, static_cast<std::uint16_t>(frame.ss));
  if (!cs || !ss || !cs->l || cs->dpl != 3 || ss->dpl != 3) return {};
  CpuState back = state;
  back.segments[kCs] = *cs;
  back.segments[kSs] = *ss;
  back.rip = frame.rip;
  back.rflags = (frame.rflags & kRflagsLoadable) | 2;
  back.gpr[kRsp] = frame.rsp;
  // Data segments more privileged than user mode become null (SDM 2A, IRET, "RETURN-TO-OUTER-PRIVILEGE-LEVEL").
  for (SegmentIndex index : {kDs, kEs, kFs, kGs}) {
    Segment& segment = back.segments[index];
    const bool conforming_code = (segment.type & 0xc) == 0xc;
    if (segment.unusable || conforming_code || segment.dpl == 3) continue;
    const std::uint64_t base = index == kFs || index == kGs ? segment.base : 0;
    segment = {.base = base, .limit = 0, .selector = 0, .present = false, .unusable = true};
  }
  return back;
}

void scrub_step_flag(const CpuState& before, const CpuState& after, GuestMemory& memory) {
  if (mode_of(after) != CpuMode::kLong64 || cpl_of(after) != 0 || (before.rflags & kRflagsTf) != 0) return;
  // Above the frame: an error code, and what the handler's first instruction has pushed.
  constexpr std::uint64_t kMostAbove = 3;
  for (std::uint64_t words = 0; words <= kMostAbove; ++words) {
    const std::uint64_t address = after.gpr[kRsp] + 8 * words;
    const auto frame = frame_at(after, memory, address);
    if (!frame || frame->cs != before.segments[kCs].selector || frame->rsp != before.gpr[kRsp] ||
        frame->ss != before.segments[kSs].selector || (frame->rflags & kRflagsTf) == 0) {
      continue;
    }
    const std::uint64_t clean = frame->rflags & ~kRflagsTf;
    write_linear(after, memory, address + offsetof(InterruptFrame, rflags), std::as_bytes(std::span(&clean, 1)));
    return;
  }
}

}  // namespace vmm
