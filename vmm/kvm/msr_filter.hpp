/// Which MSR accesses leave the guest, as the rows of KVM_X86_SET_MSR_FILTER (KVM API document 4.97). Pure.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

namespace vmm::kvm {

struct MsrRange {
  std::uint32_t first;
  std::uint32_t count = 1;
  bool operator==(const MsrRange&) const = default;
};

/// `count` MSRs from `first` on; a set bit lets the guest have its MSR, a clear one traps it.
struct MsrFilterRow {
  std::uint32_t first;
  std::uint32_t count;
  std::vector<std::uint64_t> allowed;
};

/// Rows that trap just the MSRs of `ranges` (any order; they may overlap), or in words why KVM can't.
std::expected<std::vector<MsrFilterRow>, std::string> msr_filter(std::span<const MsrRange> ranges);

}  // namespace vmm::kvm
