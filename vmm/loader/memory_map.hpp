/// The memory map every protocol hands over in its own layout: what the BIOS call E820 would say.
#pragma once

#include <cstdint>
#include <vector>

#include "vmm/memory/guest_memory.hpp"

namespace vmm {

/// Values of ACPI 6.5 table 15.4; multiboot and PVH use the same.
enum class MemoryType : std::uint32_t { kUsable = 1, kReserved = 2 };

struct MemoryMapEntry {
  std::uint64_t base;
  std::uint64_t size;
  MemoryType type;
};

/// As the BIOS call gives it, and Linux's zero page and SeaBIOS take it.
struct [[gnu::packed]] E820Entry {
  std::uint64_t base;
  std::uint64_t size;
  MemoryType type;
};
static_assert(sizeof(E820Entry) == 20);

/// In address order, without overlap. The text buffer is a device's and not mentioned.
std::vector<MemoryMapEntry> boot_memory_map(const GuestMemory& memory);

}  // namespace vmm
