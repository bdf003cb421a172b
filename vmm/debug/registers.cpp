#include "vmm/debug/registers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "vmm/cpu/segment.hpp"

namespace vmm {

namespace {

using gdb::x86::Register;
using gdb::x86::Value;

unsigned offset_from(Register reg, Register first) { return static_cast<unsigned>(reg) - static_cast<unsigned>(first); }
bool between(Register reg, Register first, Register last) { return reg >= first && reg <= last; }

/// The 64-bit register behind a 32-bit view of the kAny description, which has i386's order.
Register widened(Register reg) {
  constexpr std::array kWide{Register::kRax, Register::kRcx, Register::kRdx, Register::kRbx, Register::kRsp,
                             Register::kRbp, Register::kRsi, Register::kRdi, Register::kRip};
  return between(reg, Register::kEax, Register::kEip) ? kWide[offset_from(reg, Register::kEax)] : reg;
}

std::uint64_t CpuState::* control_register(Register reg) {
  switch (reg) {
    case Register::kCr0: return &CpuState::cr0;
    case Register::kCr2: return &CpuState::cr2;
    case Register::kCr3: return &CpuState::cr3;
    case Register::kCr4: return &CpuState::cr4;
    case Register::kCr8: return &CpuState::cr8;
    case Register::kEfer: return &CpuState::efer;
    default: return nullptr;
  }
}

template <std::size_t N>
Value value_of(const std::array<std::byte, N>& bytes) {
  Value value;
  std::ranges::copy(bytes, value.bytes.begin());
  return value;
}

bool canonical(const CpuState& state, std::uint64_t address) {
  const unsigned bits = (state.cr4 & kCr4La57) != 0 ? 57 : 48;
  const auto extended = static_cast<std::int64_t>(address << (64 - bits)) >> (64 - bits);
  return static_cast<std::uint64_t>(extended) == address;
}

gdb::Result<CpuState> with_program_counter(CpuState state, std::uint64_t linear) {
  if (mode_of(state) == CpuMode::kLong64) {
    if (!canonical(state, linear)) return gdb::fail(fmt::format("{:#x} is not a canonical address", linear));
    state.rip = linear;
    return state;
  }
  const Segment& cs = state.segments[kCs];
  const std::uint64_t offset = linear - cs.base;
  if (linear > 0xffffffffU || linear < cs.base || offset > cs.limit) {
    return gdb::fail(fmt::format("{:#x} is outside the code segment (base {:#x}, limit {:#x}): write $cs first", linear,
                                 cs.base, cs.limit));
  }
  state.rip = offset;
  return state;
}

// x87 tags (SDM 1 8.1.7). FXSAVE keeps one bit a register: not empty.
constexpr unsigned kTagValid = 0;
constexpr unsigned kTagZero = 1;
constexpr unsigned kTagSpecial = 2;
constexpr unsigned kTagEmpty = 3;

unsigned tag_of(const std::array<std::byte, 10>& value) {
  std::uint64_t significand = 0;
  std::uint16_t exponent = 0;
  std::memcpy(&significand, value.data(), sizeof significand);
  std::memcpy(&exponent, value.data() + sizeof significand, sizeof exponent);
  exponent &= 0x7fff;
  if (exponent == 0 && significand == 0) return kTagZero;
  if (exponent == 0 || exponent == 0x7fff || (significand >> 63) == 0) return kTagSpecial;
  return kTagValid;
}

std::uint16_t full_tag_word(const ExtendedState& state) {
  const unsigned top = (state.fsw >> 11U) & 7U;
  unsigned word = 0;
  for (unsigned physical = 0; physical < 8; ++physical) {
    const bool used = (state.ftw >> physical & 1U) != 0;
    word |= (used ? tag_of(state.st[(physical - top) & 7U]) : kTagEmpty) << (2 * physical);
  }
  return static_cast<std::uint16_t>(word);
}

std::uint8_t abridged_tag_word(std::uint64_t full) {
  unsigned word = 0;
  for (unsigned physical = 0; physical < 8; ++physical) {
    if ((full >> (2 * physical) & 3U) != kTagEmpty) word |= 1U << physical;
  }
  return static_cast<std::uint8_t>(word);
}

/// One of the eight x87 control registers, in gdb's order. The pointers are split as gdb's i387 code does.
std::uint64_t x87_control(const ExtendedState& state, Register reg) {
  switch (reg) {
    case Register::kFctrl: return state.fcw;
    case Register::kFstat: return state.fsw;
    case Register::kFtag: return full_tag_word(state);
    case Register::kFiseg: return state.fip >> 32 & 0xffff;
    case Register::kFioff: return state.fip & 0xffffffff;
    case Register::kFoseg: return state.fdp >> 32 & 0xffff;
    case Register::kFooff: return state.fdp & 0xffffffff;
    default: return state.fop;
  }
}

void set_x87_control(ExtendedState& state, Register reg, std::uint64_t number) {
  const auto low = [&](std::uint64_t whole) { return (whole & ~0xffffffffULL) | (number & 0xffffffff); };
  const auto high = [&](std::uint64_t whole) { return (whole & 0xffffffff) | (number & 0xffff) << 32; };
  switch (reg) {
    case Register::kFctrl: state.fcw = static_cast<std::uint16_t>(number); break;
    case Register::kFstat: state.fsw = static_cast<std::uint16_t>(number); break;
    case Register::kFtag: state.ftw = abridged_tag_word(number); break;
    case Register::kFiseg: state.fip = high(state.fip); break;
    case Register::kFioff: state.fip = low(state.fip); break;
    case Register::kFoseg: state.fdp = high(state.fdp); break;
    case Register::kFooff: state.fdp = low(state.fdp); break;
    default: state.fop = static_cast<std::uint16_t>(number & 0x7ff); break;
  }
}

}  // namespace

bool is_extended(Register reg) { return reg == Register::kKGsBase || between(reg, Register::kSt0, Register::kYmm15h); }

Value get_register(const CpuState& state, Register reg) {
  const Register wide = widened(reg);
  if (wide != reg) return Value::of(get_register(state, wide).number() & 0xffffffff);
  if (between(reg, Register::kRax, Register::kR15)) return Value::of(state.gpr[offset_from(reg, Register::kRax)]);
  if (between(reg, Register::kCs, Register::kGs)) {
    return Value::of(state.segments[offset_from(reg, Register::kCs)].selector);
  }
  if (const auto control = control_register(reg)) return Value::of(state.*control);
  switch (reg) {
    case Register::kRip: return Value::of(linear_pc(state));
    case Register::kEflags: return Value::of(state.rflags & 0xffffffff);
    case Register::kFsBase: return Value::of(state.segments[kFs].base);
    case Register::kGsBase: return Value::of(state.segments[kGs].base);
    default: return {};
  }
}

Value get_register(const ExtendedState& state, Register reg) {
  if (reg == Register::kKGsBase) return Value::of(state.kernel_gs_base);
  if (between(reg, Register::kSt0, Register::kSt7)) return value_of(state.st[offset_from(reg, Register::kSt0)]);
  if (between(reg, Register::kXmm0, Register::kXmm15)) return value_of(state.xmm[offset_from(reg, Register::kXmm0)]);
  if (reg == Register::kMxcsr) return Value::of(state.mxcsr);
  if (between(reg, Register::kYmm0h, Register::kYmm15h)) {
    return value_of(state.ymm_high[offset_from(reg, Register::kYmm0h)]);
  }
  return Value::of(x87_control(state, reg));
}

gdb::Result<CpuState> with_register(const CpuState& state, const GuestMemory& memory, Register reg,
                                    const Value& value) {
  const std::uint64_t number = value.number();
  const Register wide = widened(reg);
  if (wide != reg) return with_register(state, memory, wide, Value::of(number & 0xffffffff));
  CpuState changed = state;
  if (between(reg, Register::kRax, Register::kR15)) {
    changed.gpr[offset_from(reg, Register::kRax)] = number;
  } else if (between(reg, Register::kCs, Register::kGs)) {
    const auto which = static_cast<SegmentIndex>(offset_from(reg, Register::kCs));
    if (number > 0xffff) return gdb::fail(fmt::format("a selector has 16 bits, {:#x} has more", number));
    auto segment = load_segment(state, memory, which, static_cast<std::uint16_t>(number));
    if (!segment) return gdb::fail(segment.error());
    changed.segments[which] = *segment;
  } else if (const auto control = control_register(reg)) {
    changed.*control = number;
  } else if (reg == Register::kRip) {
    return with_program_counter(state, number);
  } else if (reg == Register::kEflags) {
    changed.rflags = (number & 0xffffffff & ~0x28ULL) | 2;
  } else {
    if (!canonical(state, number)) return gdb::fail(fmt::format("{:#x} is not a canonical address", number));
    changed.segments[reg == Register::kFsBase ? kFs : kGs].base = number;
  }
  return changed;
}

gdb::Result<ExtendedState> with_register(const ExtendedState& state, Register reg, const Value& value) {
  ExtendedState changed = state;
  if (reg == Register::kKGsBase) {
    changed.kernel_gs_base = value.number();
  } else if (between(reg, Register::kSt0, Register::kSt7)) {
    auto& st = changed.st[offset_from(reg, Register::kSt0)];
    std::copy_n(value.bytes.begin(), st.size(), st.begin());
  } else if (between(reg, Register::kXmm0, Register::kXmm15)) {
    changed.xmm[offset_from(reg, Register::kXmm0)] = value.bytes;
  } else if (between(reg, Register::kYmm0h, Register::kYmm15h)) {
    changed.ymm_high[offset_from(reg, Register::kYmm0h)] = value.bytes;
  } else if (reg == Register::kMxcsr) {
    if ((value.number() & ~0xffffULL) != 0) return gdb::fail("reserved bits of MXCSR (above bit 15) must be zero");
    changed.mxcsr = static_cast<std::uint32_t>(value.number());
  } else {
    set_x87_control(changed, reg, value.number());
  }
  return changed;
}

std::string register_dump(const CpuState& s) {
  std::string out;
  constexpr std::array kNames{"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp",
                              "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    out += fmt::format("{:>4} {:016x}{}", kNames[i], s.gpr[i], i % 4 == 3 ? "\n" : "");
  }
  out += fmt::format(" rip {:016x} linear {:x} rflags {:08x} mode {} CPL {}\n", s.rip, linear_pc(s), s.rflags,
                     name_of(mode_of(s)), cpl_of(s));
  constexpr std::array kSegmentNames{"cs", "ss", "ds", "es", "fs", "gs"};
  for (std::size_t i = 0; i < kSegmentNames.size(); ++i) {
    out += fmt::format("  {} {:04x} base {:016x} limit {:08x}{}", kSegmentNames[i], s.segments[i].selector,
                       s.segments[i].base, s.segments[i].limit, i % 2 == 1 ? "\n" : "");
  }
  out += fmt::format("  tr {:04x} base {:016x}  gdt {:016x}+{:04x}  idt {:016x}+{:04x}\n", s.tr.selector, s.tr.base,
                     s.gdt.base, s.gdt.limit, s.idt.base, s.idt.limit);
  out += fmt::format(" cr0 {:x} cr2 {:x} cr3 {:x} cr4 {:x} cr8 {:x} efer {:x}\n", s.cr0, s.cr2, s.cr3, s.cr4, s.cr8,
                     s.efer);
  return out;
}

}  // namespace vmm
