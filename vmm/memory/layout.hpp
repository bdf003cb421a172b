/// The guest-physical map: the PC's, as every x86 boot protocol expects it. One place for every fixed address.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace vmm::layout {

inline constexpr std::uint64_t kKiB = 1024;
inline constexpr std::uint64_t kMiB = 1024 * kKiB;
inline constexpr std::uint64_t kGiB = 1024 * kMiB;

inline constexpr std::uint64_t kEbda = 0x9fc00;       ///< extended BIOS data area, reserved in the e820 map
inline constexpr std::uint64_t kLowRamEnd = 0xa0000;  ///< end of conventional memory
inline constexpr std::uint64_t kVgaText = 0xb8000;    ///< 32 KiB text buffer, plain memory
inline constexpr std::uint64_t kVgaTextEnd = 0xc0000;
inline constexpr std::uint64_t kOptionRoms = 0xc0000;     ///< with firmware: its copy and option ROMs, plain memory
inline constexpr std::uint64_t kBiosArea = 0xf0000;       ///< 64 KiB for firmware tables, plain memory, reserved
inline constexpr std::uint64_t kHighRam = 0x100000;       ///< RAM goes on at 1 MiB
inline constexpr std::uint64_t kPciHole = 0xc0000000;     ///< 3 GiB: RAM stops here …
inline constexpr std::uint64_t kVirtioMmio = 0xd0000000;  ///< virtio-mmio device i: a page at i * 4 KiB from here
inline constexpr std::uint64_t kAbove4G = 0x100000000;    ///< … and goes on at 4 GiB
inline constexpr std::uint64_t kTssForKvm = 0xfffbd000;   ///< what KVM needs on VT-x (KVM_SET_TSS_ADDR)
inline constexpr std::uint64_t kTssForKvmSize = 3 * 4 * kKiB;
inline constexpr std::uint64_t kIdentityMapForKvm = 0xfffbc000;

inline constexpr std::uint64_t kMostRom = 256 * kKiB;  ///< of firmware, that ends at 4 GiB: below are KVM's pages
inline constexpr std::uint64_t kRomGranule = 64 * kKiB;
inline constexpr std::uint64_t kResetVector = 0xfffffff0;  ///< where the CPU begins

inline constexpr std::uint64_t kMinRam = 1 * kMiB;

/// Where a virtio-mmio device lies, and its interrupt: what firmware tables and a command line announce.
struct VirtioSlot {
  std::uint64_t base = 0;
  std::uint64_t size = 0;
  std::uint32_t gsi = 0;
  bool operator==(const VirtioSlot&) const = default;
};
/// What the PC's other devices leave free: there can be as many virtio devices.
inline constexpr std::array<std::uint32_t, 8> kVirtioGsis = {5, 6, 7, 10, 11, 12, 13, 15};
constexpr VirtioSlot virtio_slot(std::size_t index) {
  return {kVirtioMmio + index * 4 * kKiB, 4 * kKiB, kVirtioGsis.at(index)};
}

}  // namespace vmm::layout
