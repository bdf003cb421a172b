#include "vmm/loader/memory_map.hpp"

#include "vmm/memory/layout.hpp"

namespace vmm {

std::vector<MemoryMapEntry> boot_memory_map(const GuestMemory& memory) {
  std::vector<MemoryMapEntry> map = {
      {0, layout::kEbda, MemoryType::kUsable},
      {layout::kEbda, layout::kLowRamEnd - layout::kEbda, MemoryType::kReserved},
      {layout::kBiosArea, layout::kHighRam - layout::kBiosArea, MemoryType::kReserved},
  };
  for (const auto& region : memory.regions()) {
    if (region.ram && region.base >= layout::kHighRam) map.push_back({region.base, region.size, MemoryType::kUsable});
  }
  return map;
}

}  // namespace vmm
