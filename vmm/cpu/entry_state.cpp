#include "vmm/cpu/entry_state.hpp"

#include <algorithm>
#include <bit>
#include <span>

#include "vmm/base/errors.hpp"
#include "vmm/cpu/segment.hpp"

namespace vmm {
namespace {

constexpr std::uint64_t kCr0Et = 1U << 4;
constexpr std::uint64_t kCr0Ne = 1U << 5;
constexpr std::uint64_t kCr0Nw = 1U << 29;
constexpr std::uint64_t kCr0Cd = 1U << 30;
constexpr std::uint64_t kFamily6 = 0x600;
constexpr std::uint16_t kGdtSize = 48;
constexpr std::uint64_t kTssOffset = 0x40;
constexpr std::uint32_t kTssSize = 0x68;
constexpr std::uint8_t kBusyTss = 11;

/// Present, DPL 0, accessed as VT-x demands: null, 32-bit code, data, 64-bit code, busy TSS (two entries).
constexpr std::array<std::uint64_t, 6> boot_gdt(std::uint64_t tss, BootGdt gdt) {
  constexpr std::uint64_t kCode32 = 0x00cf'9b00'0000'ffff;
  constexpr std::uint64_t kData = 0x00cf'9300'0000'ffff;
  constexpr std::uint64_t kCode64 = 0x00af'9b00'0000'ffff;
  const bool linux = gdt == BootGdt::kLinux;
  return {0,
          kCode32,
          linux ? kCode64 : kData,
          linux ? kData : kCode64,
          0x0000'8b00'0000'0000 | (kTssSize - 1) | (tss & 0xffffff) << 16 | (tss >> 24 & 0xff) << 56,
          tss >> 32};
}

CpuState cleared(const CpuState& reset) {
  CpuState state;
  state.apic_base = reset.apic_base;
  state.cr0 = kCr0Et | kCr0Ne;
  state.ldt = {.limit = 0, .type = 2, .present = false, .code_or_data = false, .unusable = true};
  return state;
}

CpuState flat_entry(const CpuState& reset, std::uint64_t pc, std::uint16_t code, std::uint16_t data,
                    std::uint64_t tables, BootGdt kind) {
  const auto gdt = boot_gdt(tables + kTssOffset, kind);
  CpuState state = cleared(reset);
  state.cr0 |= kCr0Pe;
  state.rip = pc;
  state.segments.fill(decode_descriptor(gdt[data / 8U], data));
  state.segments[kCs] = decode_descriptor(gdt[code / 8U], code);
  state.tr = decode_descriptor(gdt[kBootTss / 8], kBootTss);
  state.tr.base = tables + kTssOffset;
  state.gdt = {tables, kGdtSize - 1};
  return state;
}

}  // namespace

std::array<std::byte, kBootTablesSize> boot_tables(std::uint64_t address, BootGdt kind) {
  std::array<std::byte, kBootTablesSize> bytes{};
  const auto gdt = boot_gdt(address + kTssOffset, kind);
  static_assert(sizeof gdt == kGdtSize && kTssOffset + kTssSize == kBootTablesSize);
  std::ranges::copy(std::as_bytes(std::span(gdt)), bytes.begin());
  return bytes;
}

CpuState real_mode_entry(const CpuState& reset, std::uint64_t linear) {
  VMM_CHECK(linear < 0x100000);
  CpuState state = cleared(reset);
  state.segments.fill({.type = 3});
  Segment& code = state.segments[kCs];
  code.type = 11;
  if (linear >= 0x10000) {
    code.selector = static_cast<std::uint16_t>(linear >> 4);
    code.base = static_cast<std::uint64_t>(code.selector) << 4;
  }
  state.rip = linear - code.base;
  state.tr = {.type = kBusyTss, .code_or_data = false};
  state.gdt.limit = 0xffff;
  state.idt.limit = 0x3ff;
  return state;
}

CpuState reset_vector_entry(const CpuState& reset) {
  CpuState state = real_mode_entry(reset, 0);
  state.cr0 = kCr0Et | kCr0Nw | kCr0Cd;
  state.segments[kCs].selector = 0xf000;
  state.segments[kCs].base = 0xffff'0000;
  state.rip = 0xfff0;
  state.gpr[kRdx] = kFamily6;
  return state;
}

CpuState protected32_entry(const CpuState& reset, std::uint32_t eip, std::uint64_t tables) {
  return flat_entry(reset, eip, kBootCode32, kBootData, tables, BootGdt::kOurs);
}

CpuState long64_entry(const CpuState& reset, std::uint64_t rip, std::uint64_t cr3, std::uint64_t tables, BootGdt gdt) {
  constexpr std::uint16_t kLinuxCode = 0x10, kLinuxData = 0x18;
  const bool linux = gdt == BootGdt::kLinux;
  CpuState state =
      flat_entry(reset, rip, linux ? kLinuxCode : kBootCode64, linux ? kLinuxData : kBootData, tables, gdt);
  state.cr0 |= kCr0Pg;
  state.cr3 = cr3;
  state.cr4 = kCr4Pae;
  state.efer = kEferLme | kEferLma;
  return state;
}

}  // namespace vmm
