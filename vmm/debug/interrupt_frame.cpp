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
  if ((state.cr0 & kCr0Pe) == 0) return {};
  const bool long_mode = (state.efer & kEferLma) != 0;
  const std::uint64_t size = long_mode ? 16 : 8;
  const std::uint64_t offset = vector * size;
  if (offset + size - 1 > state.idt.limit) return {};
  std::array<std::uint32_t, 4> gate{};
  const auto bytes = std::as_writable_bytes(std::span(gate)).first(size);
  if (read_linear(state, memory, state.idt.base + offset, bytes) != size) return {};
  constexpr std::uint32_t kPresent = 1U << 15;
  if ((gate[1] & kPresent) == 0) return {};
  return (gate[0] & 0xffffU) | (gate[1] & 0xffff0000U) | (std::uint64_t{gate[2]} << 32U);
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

std::optional<unsigned> software_interrupt_at(const CpuState& state, const GuestMemory& memory) {
  std::array<std::byte, 2> code{};
  const std::size_t count = read_linear(state, memory, linear_pc(state), code);
  if (count > 0 && code[0] == std::byte{0xcc}) return 3;
  if (count > 0 && code[0] == std::byte{0xce}) return 4;
  if (count > 1 && code[0] == std::byte{0xcd}) return std::to_integer<unsigned>(code[1]);
  return {};
}

namespace {

/// Clears TF in the flags that lie at a linear address: the low word holds it, whatever the size.
void clear_step_flag_at(const CpuState& state, GuestMemory& memory, std::uint64_t address) {
  const auto flags = load_linear<std::uint16_t>(state, memory, address);
  if (!flags) return;
  const auto clean = static_cast<std::uint16_t>(*flags & ~kRflagsTf);
  write_linear(state, memory, address, std::as_bytes(std::span(&clean, 1)));
}

void clean_frame(const CpuState& before, const CpuState& after, GuestMemory& memory) {
  if (mode_of(after) != CpuMode::kLong64 || cpl_of(after) != 0) return;
  // Above the frame: an error code, and what the handler's first instruction has pushed.
  constexpr std::uint64_t kMostAbove = 3;
  for (std::uint64_t words = 0; words <= kMostAbove; ++words) {
    const std::uint64_t address = after.gpr[kRsp] + 8 * words;
    const auto frame = frame_at(after, memory, address);
    if (!frame || frame->cs != before.segments[kCs].selector || frame->rsp != before.gpr[kRsp] ||
        frame->ss != before.segments[kSs].selector || (frame->rflags & kRflagsTf) == 0) {
      continue;
    }
    return clear_step_flag_at(after, memory, address + offsetof(InterruptFrame, rflags));
  }
}

}  // namespace

CpuState without_step_flag(const CpuState& before, CpuState after, GuestMemory& memory) {
  if ((before.rflags & kRflagsTf) != 0) return after;
  constexpr std::byte kPushf{0x9c};
  constexpr std::array kSyscall{std::byte{0x0f}, std::byte{0x05}};
  std::array<std::byte, 2> code{};
  read_linear(before, memory, linear_pc(before), code);
  const bool operand_size = code[0] == std::byte{0x66};
  if (code == kSyscall) after.gpr[kR11] &= ~kRflagsTf;
  if (code[operand_size ? 1 : 0] == kPushf) {
    const bool flat = mode_of(after) == CpuMode::kLong64;
    const Segment& ss = after.segments[kSs];
    const std::uint64_t rsp = flat ? after.gpr[kRsp] : after.gpr[kRsp] & (ss.db ? 0xffffffff : 0xffff);
    clear_step_flag_at(after, memory, flat ? rsp : ss.base + rsp);
  }
  clean_frame(before, after, memory);
  return after;
}

}  // namespace vmm
