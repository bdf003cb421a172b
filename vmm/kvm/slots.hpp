/// Guest memory as memory slots of KVM, where some pages are protected. Pure: what is wanted, not how to get there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "vmm/memory/guest_memory.hpp"

namespace vmm::kvm {

inline constexpr std::uint64_t kProtectedPageSize = 4096;
/// Where the page begins that an address lies on.
constexpr std::uint64_t page_of(std::uint64_t physical) { return physical & ~(kProtectedPageSize - 1); }

/// A 4 KiB page whose accesses leave the guest as ExitMmio although memory is there.
///
/// KVM's emulator does those accesses and has its limits (measured, Linux 6.18): of an instruction that pushes more
/// than once (pusha, far call, real mode's INT) only the last push comes out, iret and popa read wrong places, an
/// exception frame becomes a triple fault, and sgdt, sidt or a descriptor load never end (a signal ends KVM_RUN). So no
/// page that holds a stack on which such things happen, nor page tables, GDT or IDT.
struct ProtectedPage {
  enum class Traps : std::uint8_t { kWrites, kAll };
  std::uint64_t physical;  ///< page-aligned
  Traps traps = Traps::kWrites;
  bool operator==(const ProtectedPage&) const = default;
};

struct MemorySlot {
  std::uint64_t base;  ///< guest-physical
  std::uint64_t size;
  std::byte* host;
  bool read_only;
  bool operator==(const MemorySlot&) const = default;
};

/// Sorted by base. A page that traps writes lies in a read-only slot, with its neighbours that do so, too; one that
/// traps all accesses lies in none (KVM API document 4.35). `pages` in any order, each in memory and named once: else
/// our mistake.
std::vector<MemorySlot> slot_layout(std::span<const GuestMemory::Region> regions, std::span<const ProtectedPage> pages);

}  // namespace vmm::kvm
