#include "vmm/debug/interrupt_frame.hpp"

#include <algorithm>
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
  if ((state.cr0 & kCr0Pe) == 0) {
    if (vector * 4 + 3 > state.idt.limit) return {};
    const auto entry = load_linear<std::array<std::uint16_t, 2>>(state, memory, state.idt.base + vector * 4);
    if (!entry) return {};
    return (std::uint64_t{(*entry)[1]} << 4U) + (*entry)[0];
  }
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

namespace {

/// The opcode at the program counter, behind its prefixes (SDM 2A 2.1), and the byte that follows. NOPs where nothing
/// is mapped.
struct Opcode {
  unsigned first = 0x90;
  unsigned next = 0x90;
  unsigned third = 0x90;
  bool mapped = false;
};

Opcode opcode_at(const CpuState& state, const GuestMemory& memory) {
  std::array<std::uint8_t, 15> code{};
  const std::size_t count = read_linear(state, memory, linear_pc(state), std::as_writable_bytes(std::span(code)));
  const bool rex = mode_of(state) == CpuMode::kLong64;
  const auto is_prefix = [&](unsigned byte) {
    return (rex && byte >> 4U == 4) || byte == 0x66 || byte == 0x67 || byte == 0xf0 || byte == 0xf2 || byte == 0xf3 ||
           (byte & 0xe7U) == 0x26 || byte == 0x64 || byte == 0x65;
  };
  std::size_t i = 0;
  while (i < count && is_prefix(code.at(i))) ++i;
  Opcode found{.mapped = count > 0};
  if (i < count) found.first = code.at(i);
  if (i + 1 < count) found.next = code.at(i + 1);
  if (i + 2 < count) found.third = code.at(i + 2);
  return found;
}

bool is_syscall(const Opcode& opcode) { return opcode.first == 0x0f && opcode.next == 0x05; }
bool is_sysenter(const Opcode& opcode) { return opcode.first == 0x0f && opcode.next == 0x34; }
constexpr unsigned kPushf = 0x9c, kInt3 = 0xcc, kIntN = 0xcd, kInto = 0xce, kIcebp = 0xf1;

}  // namespace

SideExits side_exits(const CpuState& state, const GuestMemory& memory) {
  constexpr unsigned kDivide = 0, kDebug = 1, kBreakpoint = 3, kOverflow = 4, kBound = 5, kInvalidOpcode = 6,
                     kNoFpu = 7, kNotPresent = 11, kStack = 12, kProtection = 13, kPage = 14;
  constexpr std::uint32_t kLstar = 0xc0000082, kSysenterEip = 0x176;
  const Opcode opcode = opcode_at(state, memory);
  switch (opcode.first) {
    case kInt3: return {{kBreakpoint}, {}};
    case kIntN: return {{opcode.next}, {}};
    case kInto: return {{kOverflow}, {}};
    case kIcebp: return {{kDebug}, {}};
    default: break;
  }
  if (is_syscall(opcode)) return {{kInvalidOpcode}, kLstar};
  if (is_sysenter(opcode)) return {{kInvalidOpcode, kProtection}, kSysenterEip};
  struct Row {
    unsigned first, last, vector;
  };
  constexpr std::array kRare{Row{0x0f, 0x0f, kNoFpu},      Row{0xd8, 0xdf, kNoFpu},      Row{0x9b, 0x9b, kNoFpu},
                             Row{0xc4, 0xc5, kNoFpu},      Row{0x62, 0x62, kBound},      Row{0xf6, 0xf7, kDivide},
                             Row{0xd4, 0xd4, kDivide},     Row{0x8e, 0x8e, kNotPresent}, Row{0x9a, 0x9a, kNotPresent},
                             Row{0xea, 0xea, kNotPresent}, Row{0xca, 0xcb, kNotPresent}, Row{0xcf, 0xcf, kNotPresent}};
  const auto* row =
      std::ranges::find_if(kRare, [&](const Row& r) { return opcode.first >= r.first && opcode.first <= r.last; });
  return {{kPage, kProtection, kInvalidOpcode, row == kRare.end() ? kStack : row->vector}, {}};
}

namespace {

template <typename Word>
std::optional<ExceptionOrigin> origin_on_stack(const CpuState& state, const GuestMemory& memory, bool has_code) {
  const auto words = load_linear<std::array<Word, 3>>(state, memory, stack_top(state));
  if (!words) return {};
  const auto& [first, second, third] = *words;
  ExceptionOrigin origin{.address = has_code ? second : first, .error_code = {}};
  if (has_code) origin.error_code = first;
  if ((state.cr0 & kCr0Pe) == 0) origin.address += std::uint64_t{second} << 4U;
  return origin;
}

/// Clears TF in the flags that lie at a linear address: the low word holds it, whatever the size.
void clear_step_flag_at(const CpuState& state, GuestMemory& memory, std::uint64_t address) {
  const auto flags = load_linear<std::uint16_t>(state, memory, address);
  if (!flags) return;
  const auto clean = static_cast<std::uint16_t>(*flags & ~kRflagsTf);
  write_linear(state, memory, address, std::as_bytes(std::span(&clean, 1)));
}

/// A frame of words of this size, which the CPU pushed for what ran `before` (SDM 3A 6.12.1, 6.14.2; 20.1.4).
template <typename Word>
void clean_frame(const CpuState& before, const CpuState& after, GuestMemory& memory) {
  enum : std::uint8_t { kIp, kCodeSegment, kFlags, kSp, kStackSegment, kWords };
  const bool has_stack = sizeof(Word) == 8 || cpl_of(before) != cpl_of(after);
  // Above the frame: an error code, and what the handler's first instruction has pushed.
  constexpr std::uint64_t kMostAbove = 3;
  for (std::uint64_t above = 0; above <= kMostAbove; ++above) {
    const std::uint64_t address = stack_top(after) + sizeof(Word) * above;
    std::array<Word, kWords> word{};
    const auto pushed = std::as_writable_bytes(std::span(word).first(has_stack ? kWords : kSp));
    if (read_linear(after, memory, address, pushed) != pushed.size()) continue;
    const auto same = [&](unsigned index, std::uint64_t value) { return word.at(index) == static_cast<Word>(value); };
    if (!same(kCodeSegment, before.segments[kCs].selector) || (word[kFlags] & kRflagsTf) == 0) continue;
    const bool ours = has_stack ? same(kSp, before.gpr[kRsp]) && same(kStackSegment, before.segments[kSs].selector)
                                : address + sizeof(Word) * kSp == stack_top(before);
    if (ours) return clear_step_flag_at(after, memory, address + sizeof(Word) * kFlags);
  }
}

void clean_frame(const CpuState& before, const CpuState& after, GuestMemory& memory) {
  switch (mode_of(after)) {
    case CpuMode::kLong64: return clean_frame<std::uint64_t>(before, after, memory);
    case CpuMode::kProtected32:
      clean_frame<std::uint32_t>(before, after, memory);
      [[fallthrough]];  // through a 16-bit gate
    default: return clean_frame<std::uint16_t>(before, after, memory);
  }
}

}  // namespace

std::optional<ExceptionOrigin> exception_origin(const CpuState& state, const GuestMemory& memory, unsigned vector) {
  constexpr std::array kWithCode{8U, 10U, 11U, 12U, 13U, 14U, 17U, 21U};  // SDM 3A, table 6-1
  const bool has_code = std::ranges::find(kWithCode, vector) != kWithCode.end();
  switch (mode_of(state)) {
    case CpuMode::kReal: return origin_on_stack<std::uint16_t>(state, memory, false);
    case CpuMode::kLong64: return origin_on_stack<std::uint64_t>(state, memory, has_code);
    default: return origin_on_stack<std::uint32_t>(state, memory, has_code);
  }
}

bool at_debug_register_move(const CpuState& state, const GuestMemory& memory) {
  const Opcode opcode = opcode_at(state, memory);
  return opcode.first == 0x0f && (opcode.next == 0x21 || opcode.next == 0x23);
}

bool at_hypercall(const CpuState& state, const GuestMemory& memory) {
  constexpr unsigned kVmcall = 0xc1, kVmmcall = 0xd9;
  const Opcode opcode = opcode_at(state, memory);
  return opcode.first == 0x0f && opcode.next == 0x01 && (opcode.third == kVmcall || opcode.third == kVmmcall);
}

CpuState without_step_flag(const CpuState& before, CpuState after, GuestMemory& memory) {
  // Where a step's TF may be, the stack pointer or R11 tells of it.
  const bool nowhere = before.gpr[kRsp] == after.gpr[kRsp] && before.gpr[kR11] == after.gpr[kR11];
  if ((before.rflags & kRflagsTf) != 0 || nowhere) return after;
  const Opcode opcode = opcode_at(before, memory);
  if (is_syscall(opcode)) after.gpr[kR11] &= ~kRflagsTf;
  if (opcode.first == kPushf) clear_step_flag_at(after, memory, stack_top(after));
  clean_frame(before, after, memory);
  return after;
}

}  // namespace vmm
