/// The architectural state of one vCPU as plain values, in the words of the Intel SDM. Knows no KVM.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace vmm {

/// Index into CpuState::gpr: gdb's order (QEMU's i386-64bit.xml), not the encoding's.
enum Gpr : std::uint8_t {
  kRax,
  kRbx,
  kRcx,
  kRdx,
  kRsi,
  kRdi,
  kRbp,
  kRsp,
  kR8,
  kR9,
  kR10,
  kR11,
  kR12,
  kR13,
  kR14,
  kR15,
};

/// A segment register with its hidden part (SDM 3A 3.4.3).
struct Segment {
  std::uint64_t base = 0;
  std::uint32_t limit = 0xffff;  ///< in bytes, already scaled by G
  std::uint16_t selector = 0;
  std::uint8_t type = 0;  ///< 4 bits, SDM 3A 3.4.5.1
  std::uint8_t dpl = 0;
  bool present = true;
  bool code_or_data = true;  ///< the S bit
  bool db = false;           ///< D/B: 32-bit
  bool l = false;            ///< 64-bit code
  bool g = false;
  bool avl = false;
  bool unusable = false;
  bool operator==(const Segment&) const = default;
};

struct DescriptorTable {
  std::uint64_t base = 0;
  std::uint16_t limit = 0;
  bool operator==(const DescriptorTable&) const = default;
};

/// Index into CpuState::segments, gdb's order.
enum SegmentIndex : std::uint8_t { kCs, kSs, kDs, kEs, kFs, kGs };

/// Everything a stop captures without asking KVM again. The default is not a useful CPU; see cpu/entry_state.hpp.
struct CpuState {
  std::array<std::uint64_t, 16> gpr{};
  std::uint64_t rip = 0;  ///< the offset in CS, as the CPU has it; linear_pc() is what gdb sees
  std::uint64_t rflags = 2;
  std::array<Segment, 6> segments{};
  Segment ldt;
  Segment tr;
  DescriptorTable gdt;
  DescriptorTable idt;
  std::uint64_t cr0 = 0;
  std::uint64_t cr2 = 0;
  std::uint64_t cr3 = 0;
  std::uint64_t cr4 = 0;
  std::uint64_t cr8 = 0;
  std::uint64_t efer = 0;
  std::uint64_t apic_base = 0;  ///< IA32_APIC_BASE; KVM sets it at creation, writers keep it
  bool operator==(const CpuState&) const = default;
};

/// x87, SSE: the state FXSAVE stores (SDM 1 10.5); AVX; and the one MSR of gdb's view that sregs lack.
struct ExtendedState {
  std::array<std::array<std::byte, 10>, 8> st{};  ///< ST(0) … ST(7)
  std::uint16_t fcw = 0x37f;
  std::uint16_t fsw = 0;
  std::uint8_t ftw = 0;  ///< abridged tag word: a set bit means not empty, by physical register
  std::uint16_t fop = 0;
  std::uint64_t fip = 0;
  std::uint64_t fdp = 0;
  std::array<std::array<std::byte, 16>, 16> xmm{};
  std::uint32_t mxcsr = 0x1f80;
  std::array<std::array<std::byte, 16>, 16> ymm_high{};  ///< bits 255:128; zero where the CPU has no AVX
  std::uint64_t kernel_gs_base = 0;
  bool operator==(const ExtendedState&) const = default;
};

inline constexpr std::uint64_t kCr0Pe = 1U << 0;
inline constexpr std::uint64_t kCr0Wp = 1U << 16;
inline constexpr std::uint64_t kCr0Pg = 1U << 31;
inline constexpr std::uint64_t kCr4Pse = 1U << 4;
inline constexpr std::uint64_t kCr4Pae = 1U << 5;
inline constexpr std::uint64_t kCr4La57 = 1U << 12;
inline constexpr std::uint64_t kEferSce = 1U << 0;
inline constexpr std::uint64_t kEferLme = 1U << 8;
inline constexpr std::uint64_t kEferLma = 1U << 10;
inline constexpr std::uint64_t kEferNxe = 1U << 11;
inline constexpr std::uint64_t kRflagsTf = 1U << 8;
inline constexpr std::uint64_t kRflagsIf = 1U << 9;
inline constexpr std::uint64_t kRflagsDf = 1U << 10;
inline constexpr std::uint64_t kRflagsRf = 1U << 16;
inline constexpr std::uint64_t kRflagsVm = 1U << 17;

enum class CpuMode : std::uint8_t { kReal, kVm86, kProtected16, kProtected32, kCompat16, kCompat32, kLong64 };

CpuMode mode_of(const CpuState& state);
std::string_view name_of(CpuMode mode);
/// Current privilege level: DPL of SS (SDM 3A 5.5); 0 in real mode, 3 in virtual-8086 mode.
unsigned cpl_of(const CpuState& state);
/// The linear address of the next instruction: rip in 64-bit mode, else the low 32 bits of CS.base + rip.
std::uint64_t linear_pc(const CpuState& state);
/// The linear address of the top of the stack: rsp in 64-bit mode, else SS.base and as much of it as SS.B says.
std::uint64_t stack_top(const CpuState& state);

}  // namespace vmm
