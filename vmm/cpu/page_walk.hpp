/// The guest's own address translation in software (SDM 3A chapter 4), all modes: what the CPU would find, without its
/// permission checks and without setting accessed or dirty bits. KVM_TRANSLATE is not enough: it reports no
/// permissions.
///
/// Thread: any that has the CpuState; the guest may change its tables meanwhile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

#include "vmm/cpu/cpu_state.hpp"
#include "vmm/memory/guest_memory.hpp"
#include "vmm/memory/planted_bytes.hpp"

namespace vmm {

struct PageWalkResult {
  std::uint64_t physical = 0;      ///< of the address itself, not of its page; may be in a hole or a device
  std::uint64_t page_size = 4096;  ///< bytes; 4096 also when paging is off
  bool writable = true;            ///< R/W in all levels
  bool user = true;                ///< U/S in all levels
  bool no_execute = false;         ///< XD in any level, with EFER.NXE
  bool accessed = true;            ///< A in all levels that have it
  bool dirty = true;               ///< D of the page
  bool reserved = false;           ///< a reserved bit is set, so that an access faults (SDM 3A 4.7)
};

struct PageFault {
  enum class Reason : std::uint8_t { kNotPresent, kNotCanonical, kTableOutsideMemory };
  Reason reason = Reason::kNotPresent;
  int level = 0;  ///< 1: page table, 2: page directory, … 5: PML5; 0 when not canonical
  bool operator==(const PageFault&) const = default;
};
/// "not present in the page directory", to be put behind an address.
std::string describe(const PageFault& fault);

/// Outside long mode (EFER.LMA clear) only the low 32 bits of `linear` count.
std::expected<PageWalkResult, PageFault> walk(const CpuState& state, const GuestMemory& memory, std::uint64_t linear);

/// The guest-physical addresses of all paging structures that these CR3s lead to, each 4 KiB, in order; none of a state
/// with paging off. What several share is walked once.
std::vector<std::uint64_t> table_pages(std::span<const CpuState> roots, const GuestMemory& memory);

/// A part of a linear range that lies in one page of memory.
struct LinearPiece {
  std::uint64_t physical;
  std::uint64_t size;
  bool operator==(const LinearPiece&) const = default;
};
/// Where a linear range lies, up to the first page that is not mapped or not memory.
std::vector<LinearPiece> linear_pieces(const CpuState& state, const GuestMemory& memory, std::uint64_t address,
                                       std::size_t size);

/// Copy to or from linear addresses, across pages, up to the first one that is not mapped or not memory. Return the
/// bytes done.
std::size_t read_linear(const CpuState& state, const GuestMemory& memory, std::uint64_t address,
                        std::span<std::byte> out);
std::size_t write_linear(const CpuState& state, GuestMemory& memory, std::uint64_t address,
                         std::span<const std::byte> data);
/// The same as the guest has it, while bytes of ours are planted in it.
std::size_t read_linear(const CpuState& state, const GuestMemory& memory, const PlantedBytes& planted,
                        std::uint64_t address, std::span<std::byte> out);
std::size_t write_linear(const CpuState& state, const GuestMemory& memory, PlantedBytes& planted, std::uint64_t address,
                         std::span<const std::byte> data);

}  // namespace vmm
