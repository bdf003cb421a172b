#include "vmm/loader/page_tables.hpp"

#include "vmm/base/errors.hpp"
#include "vmm/memory/layout.hpp"

namespace vmm {
namespace {

constexpr std::uint64_t kPage = 4 * layout::kKiB;
constexpr std::uint64_t kLargePage = 2 * layout::kMiB;
constexpr std::uint64_t kPresentWritable = 3;
constexpr std::uint64_t kPageSizeBit = 1U << 7;
constexpr std::uint64_t kAddressMask = 0x000f'ffff'ffff'f000;

}  // namespace

PageTables::PageTables(Placement& placement) : placement_(placement), root_(new_table()) {}

std::uint64_t PageTables::new_table() {
  return placement_.allocate(kPage, kPage, Placement::Where::kLow, "page tables");
}

bool PageTables::map(std::uint64_t linear, std::uint64_t physical, std::uint64_t size) {
  while (size > 0) {
    const bool large = ((linear | physical) & (kLargePage - 1)) == 0 && size >= kLargePage;
    const std::uint64_t page = large ? kLargePage : kPage;
    if (!map_page(linear, physical, page)) return false;
    linear += page;
    physical += page;
    size -= page;
  }
  return true;
}

/// One page of 4 KiB or 2 MiB. What is there already is fine when it means the same.
bool PageTables::map_page(std::uint64_t linear, std::uint64_t physical, std::uint64_t size) {
  GuestMemory& memory = placement_.memory();
  const unsigned leaf_shift = size == kLargePage ? 21 : 12;
  std::uint64_t table = root_;
  for (unsigned shift = 39;; shift -= 9) {
    const std::uint64_t slot = table + (linear >> shift & 0x1ff) * sizeof(std::uint64_t);
    std::uint64_t entry = memory.load<std::uint64_t>(slot).value();
    if (shift == leaf_shift) {
      const std::uint64_t wanted = physical | kPresentWritable | (size == kLargePage ? kPageSizeBit : 0);
      if (entry != 0 && (entry & kPageSizeBit) == 0 && size == kLargePage) return map_small(linear, physical);
      if (entry != 0) return entry == wanted;
      return memory.store(slot, wanted);
    }
    if ((entry & kPageSizeBit) != 0) return (entry & kAddressMask) + (linear & (kLargePage - 1)) == physical;
    if (entry == 0) {
      entry = new_table() | kPresentWritable;
      memory.store(slot, entry);
    }
    table = entry & kAddressMask;
  }
}

/// A 2 MiB page where small ones are already.
bool PageTables::map_small(std::uint64_t linear, std::uint64_t physical) {
  for (std::uint64_t offset = 0; offset < kLargePage; offset += kPage) {
    if (!map_page(linear + offset, physical + offset, kPage)) return false;
  }
  return true;
}

}  // namespace vmm
