#include "vmm/kvm/slots.hpp"

#include <algorithm>

#include "vmm/base/errors.hpp"

namespace vmm::kvm {

namespace {

/// The slots of one region; `pages` are those inside it, sorted.
void add_region(std::vector<MemorySlot>& slots, const GuestMemory::Region& region,
                std::span<const ProtectedPage> pages) {
  const std::size_t first = slots.size();
  std::uint64_t at = region.base;
  const auto add_up_to = [&](std::uint64_t end, bool read_only) {
    if (at < end) {
      if (slots.size() > first && slots.back().base + slots.back().size == at && slots.back().read_only == read_only) {
        slots.back().size += end - at;
      } else {
        slots.push_back({at, end - at, region.host + (at - region.base), read_only});
      }
    }
    at = end;
  };
  for (const ProtectedPage& page : pages) {
    VMM_CHECK(page.physical >= at && page.physical % kProtectedPageSize == 0);
    add_up_to(page.physical, region.read_only);
    if (page.traps == ProtectedPage::Traps::kWrites) add_up_to(at + kProtectedPageSize, true);
    at = page.physical + kProtectedPageSize;
  }
  add_up_to(region.base + region.size, region.read_only);
}

}  // namespace

std::vector<MemorySlot> slot_layout(std::span<const GuestMemory::Region> regions,
                                    std::span<const ProtectedPage> pages) {
  std::vector<ProtectedPage> sorted(pages.begin(), pages.end());
  std::ranges::sort(sorted, {}, &ProtectedPage::physical);
  std::vector<MemorySlot> slots;
  auto page = sorted.cbegin();
  for (const GuestMemory::Region& region : regions) {
    const auto end =
        std::ranges::lower_bound(page, sorted.cend(), region.base + region.size, {}, &ProtectedPage::physical);
    add_region(slots, region, {page, end});
    page = end;
  }
  VMM_CHECK(page == sorted.cend());
  return slots;
}

}  // namespace vmm::kvm
