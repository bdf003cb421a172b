/// The names of CPUID's feature bits.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "vmm/cpu/cpuid.hpp"

namespace vmm {

/// One register of 32 features; an empty name is a bit that has none, or one that is no feature.
struct CpuFeatureWord {
  std::uint32_t leaf;
  std::uint32_t subleaf;
  std::uint32_t CpuidEntry::* word;
  std::array<std::string_view, 32> names;  ///< from bit 0 on; lower case with `-`
};
std::span<const CpuFeatureWord> cpu_feature_words();

}  // namespace vmm
