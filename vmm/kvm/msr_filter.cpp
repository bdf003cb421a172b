#include "vmm/kvm/msr_filter.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "vmm/kvm/kvm_api.hpp"

namespace vmm::kvm {

namespace {

constexpr std::uint32_t kBitsPerWord = 64;
constexpr std::uint32_t kRowMsrs = KVM_MSR_FILTER_MAX_BITMAP_SIZE * 8;
// The x2APIC's MSRs: KVM takes a filter for them and does not heed it.
constexpr std::uint64_t kX2apicFirst = 0x800;
constexpr std::uint64_t kX2apicEnd = 0x900;

void trap(MsrFilterRow& row, std::uint32_t index) {
  const std::uint32_t bit = index - row.first;
  row.count = bit + 1;
  row.allowed.resize(bit / kBitsPerWord + 1, ~std::uint64_t{0});
  row.allowed.back() &= ~(std::uint64_t{1} << (bit % kBitsPerWord));
}

}  // namespace

std::expected<std::vector<MsrFilterRow>, std::string> msr_filter(std::span<const MsrRange> ranges) {
  std::vector<MsrRange> sorted(ranges.begin(), ranges.end());
  std::ranges::sort(sorted, {}, &MsrRange::first);
  std::vector<MsrFilterRow> rows;
  std::uint64_t next = 0;  // all below are done
  for (const MsrRange& range : sorted) {
    const std::uint64_t end = std::min(std::uint64_t{range.first} + range.count, std::uint64_t{1} << 32U);
    if (range.first < kX2apicEnd && end > kX2apicFirst) {
      return std::unexpected(
          fmt::format("the x2APIC's MSRs ({:#x} to {:#x}) can't be trapped: KVM does not filter them", kX2apicFirst,
                      kX2apicEnd - 1));
    }
    for (std::uint64_t at = std::max<std::uint64_t>(next, range.first); at < end; ++at) {
      const auto index = static_cast<std::uint32_t>(at);
      if (rows.empty() || index - rows.back().first >= kRowMsrs) {
        if (rows.size() == KVM_MSR_FILTER_MAX_RANGES) {
          return std::unexpected(fmt::format("too many MSRs: KVM filters {} groups, each within {:#x} numbers",
                                             KVM_MSR_FILTER_MAX_RANGES, kRowMsrs));
        }
        rows.push_back({.first = index, .count = 0, .allowed = {}});
      }
      trap(rows.back(), index);
    }
    next = std::max(next, end);
  }
  return rows;
}

}  // namespace vmm::kvm
