/// How a first vCPU starts: one function per mode a boot protocol enters. Each keeps of `reset` (what KVM gave) only
/// what is not architectural reset state of ours: IA32_APIC_BASE. The states satisfy the VT-x entry checks (SDM
/// 3C 26.3.1).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "vmm/cpu/cpu_state.hpp"

namespace vmm {

/// Selectors of the boot GDT.
inline constexpr std::uint16_t kBootCode32 = 0x08;
inline constexpr std::uint16_t kBootData = 0x10;
inline constexpr std::uint16_t kBootCode64 = 0x18;
inline constexpr std::uint16_t kBootTss = 0x20;

/// kLinux: 64-bit code at 0x10 and data at 0x18, as Linux's 64-bit boot protocol has __BOOT_CS and __BOOT_DS.
enum class BootGdt : std::uint8_t { kOurs, kLinux };

/// GDT (48 bytes, 16 of padding) and the TSS behind it. The protocols promise flat segments only; a valid table in
/// guest memory spares a guest that reloads a selector or returns from an interrupt before it has its own.
inline constexpr std::size_t kBootTablesSize = 0x40 + 0x68;
/// The bytes for guest memory at linear address `address`.
std::array<std::byte, kBootTablesSize> boot_tables(std::uint64_t address, BootGdt gdt = BootGdt::kOurs);

/// 16-bit real mode at `linear` (below 1 MiB): CS 0 below 64 KiB, else linear >> 4. Other segments 0, interrupts off.
CpuState real_mode_entry(const CpuState& reset, std::uint64_t linear);
/// As the CPU comes out of reset (SDM 3A 9.1.1): at 0xfffffff0, which is f000:fff0 with the base of a ROM below 4 GiB.
CpuState reset_vector_entry(const CpuState& reset);
/// 32-bit protected mode, flat, no paging, interrupts off; boot_tables() are in memory at `tables`.
CpuState protected32_entry(const CpuState& reset, std::uint32_t eip, std::uint64_t tables);
/// 64-bit mode, CPL 0, interrupts off, 4-level paging by `cr3`; boot_tables() are in memory at `tables`.
CpuState long64_entry(const CpuState& reset, std::uint64_t rip, std::uint64_t cr3, std::uint64_t tables,
                      BootGdt gdt = BootGdt::kOurs);

}  // namespace vmm
