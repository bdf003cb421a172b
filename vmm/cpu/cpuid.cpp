#include "vmm/cpu/cpuid.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <numeric>

#include "vmm/base/errors.hpp"
#include "vmm/cpu/cpuid_names.hpp"

namespace vmm {
namespace {

constexpr std::uint32_t kHypervisor = 1U << 31;     // leaf 1, ECX
constexpr std::uint32_t kDeadlineTimer = 1U << 24;  // leaf 1, ECX
constexpr std::uint32_t kHyperThreads = 1U << 28;   // leaf 1, EDX: more than one logical processor in the package

struct Alias {
  std::string_view alias;
  std::string_view name;
};
constexpr Alias kAliases[] = {{"pni", "sse3"},        {"dts", "ds"},           {"lahf", "lahflm"},
                              {"cmpxchg16b", "cx16"}, {"pclmul", "pclmulqdq"}, {"tscdeadlinetimer", "tscdeadline"},
                              {"bmi", "bmi1"},        {"sha", "shani"},        {"lzcnt", "abm"},
                              {"longmode", "lm"}};

/// Linux and QEMU disagree on separators (avx512_vbmi2, tsx-ldtrk, sse4_1, sse4.1): none counts.
std::string plain(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c != '_' && c != '.' && c != '-') out += c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  }
  const auto* alias = std::ranges::find(kAliases, out, &Alias::alias);
  return alias == std::end(kAliases) ? out : std::string(alias->name);
}

/// Several where a feature has several bits (kvmclock: by the old MSRs and by the new).
std::vector<CpuFeature> features_named(std::string_view plain_name) {
  std::vector<CpuFeature> features;
  for (const CpuFeatureWord& word : cpu_feature_words()) {
    for (unsigned bit = 0; bit < word.names.size(); ++bit) {
      if (!word.names[bit].empty() && plain(word.names[bit]) == plain_name) {
        features.push_back({word.leaf, word.subleaf, word.word, bit});
      }
    }
  }
  return features;
}

/// How many letters must change, come or go (Levenshtein).
std::size_t distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < from.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < to.size(); ++j) {
      const std::size_t replaced = diagonal + (from[i] == to[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

std::string near_names(std::string_view wrong) {
  constexpr std::size_t kMost = 5;
  constexpr std::size_t kFar = 3;
  std::vector<std::pair<std::size_t, std::string_view>> names;
  for (const CpuFeatureWord& word : cpu_feature_words()) {
    for (const std::string_view name : word.names) {
      if (name.empty()) continue;
      const std::string right = plain(name);
      const bool begins = wrong.size() >= 2 && right.starts_with(wrong);
      const std::size_t far = begins ? 1 : distance(wrong.substr(0, 40), right);
      if (far < kFar && far < wrong.size()) names.emplace_back(far, name);
    }
  }
  if (names.empty()) return "names are as in /proc/cpuinfo";
  std::ranges::stable_sort(names, {}, [](const auto& row) { return row.first; });
  std::vector<std::string_view> best;
  for (const auto& [far, name] : names) {
    if (best.size() < kMost && std::ranges::find(best, name) == best.end()) best.push_back(name);
  }
  return fmt::format("near it: {}", fmt::join(best, ", "));
}

/// A field of `count` bits from `shift` on.
void set_bits(std::uint32_t& word, unsigned shift, unsigned count, std::uint32_t value) {
  const std::uint32_t mask = ((1U << count) - 1) << shift;
  word = (word & ~mask) | (std::min(value, (1U << count) - 1) << shift);
}

struct Topology {
  const CpuPlace& place;
  unsigned id_bits;  ///< of an APIC id that count cores

  /// Leaf 0BH and 1FH: the levels, each with the APIC id's shift to the next.
  void levels(CpuidEntry& entry) const {
    constexpr std::uint32_t kThread = 1, kCore = 2;
    entry.eax = entry.subleaf == 0 ? 0 : entry.subleaf == 1 ? id_bits : 0;
    entry.ebx = entry.subleaf == 0 ? 1 : entry.subleaf == 1 ? place.cpus : 0;
    const std::uint32_t level = entry.subleaf == 0 ? kThread : entry.subleaf == 1 ? kCore : 0;
    entry.ecx = entry.subleaf | level << 8;
    entry.edx = place.index;
  }

  void apply(CpuidEntry& entry) const {
    switch (entry.leaf) {
      case 1:
        set_bits(entry.ebx, 24, 8, place.index & 0xff);
        set_bits(entry.ebx, 16, 8, 1U << id_bits);
        entry.edx = place.cpus > 1 ? entry.edx | kHyperThreads : entry.edx & ~kHyperThreads;
        entry.ecx |= kHypervisor | (place.deadline_timer ? kDeadlineTimer : 0);
        break;
      case 4:  // caches: of a core alone, but the third level
        if ((entry.eax & 0x1f) == 0) break;
        set_bits(entry.eax, 26, 6, (1U << id_bits) - 1);
        set_bits(entry.eax, 14, 12, (entry.eax >> 5 & 7) >= 3 ? (1U << id_bits) - 1 : 0);
        break;
      case 0xb:
      case 0x1f: levels(entry); break;
      case 0x80000008:
        set_bits(entry.ecx, 0, 8, place.cpus - 1);
        set_bits(entry.ecx, 12, 4, id_bits);
        break;
      case 0x8000001d:
        if ((entry.eax & 0x1f) == 0) break;
        set_bits(entry.eax, 14, 12, (entry.eax >> 5 & 7) >= 3 ? place.cpus - 1 : 0);
        break;
      case 0x8000001e:
        entry.eax = place.index;
        entry.ebx = place.index & 0xff;  // the core's id, of one thread
        entry.ecx = 0;                   // one node
        break;
      default: break;
    }
  }
};

/// The subleaves that the topology needs, as far as the leaf is there at all.
void add_core_level(std::vector<CpuidEntry>& entries, std::uint32_t leaf) {
  const auto has = [&](std::uint32_t subleaf) {
    return std::ranges::any_of(entries,
                               [&](const CpuidEntry& row) { return row.leaf == leaf && row.subleaf == subleaf; });
  };
  const auto first = std::ranges::find_if(entries, [&](const auto& row) { return row.leaf == leaf; });
  if (first == entries.end()) return;
  CpuidEntry row{.leaf = leaf, .subleaf = 0, .flags = 1};  // KVM_CPUID_FLAG_SIGNIFCANT_INDEX
  first->flags = row.flags;
  for (row.subleaf = 1; row.subleaf <= 2; ++row.subleaf) {
    if (!has(row.subleaf)) entries.push_back(row);
  }
}

}  // namespace

CpuPolicy parse_cpu_policy(std::string_view text) {
  CpuPolicy policy;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    std::string_view word = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    const bool wanted = !word.starts_with('-');
    if (word.starts_with('-') || word.starts_with('+')) word.remove_prefix(1);
    const std::string name = plain(word);
    const auto features = features_named(name);
    if (features.empty()) throw HostError(fmt::format("`{}` is no CPU feature ({})", word, near_names(name)));
    for (const CpuFeature& feature : features) policy.push_back({std::string(word), feature, wanted});
  }
  return policy;
}

std::vector<CpuidEntry> guest_cpuid(std::vector<CpuidEntry> entries, const CpuPolicy& policy, const CpuPlace& place) {
  add_core_level(entries, 0xb);
  add_core_level(entries, 0x1f);
  const Topology topology{place, static_cast<unsigned>(std::bit_width(place.cpus - 1))};
  for (CpuidEntry& entry : entries) topology.apply(entry);
  const std::vector<CpuidEntry> all = entries;
  for (const CpuFeatureChange& change : policy) {
    const CpuFeature& feature = change.feature;
    const std::uint32_t mask = 1U << feature.bit;
    const auto row = std::ranges::find_if(
        all, [&](const auto& entry) { return entry.leaf == feature.leaf && entry.subleaf == feature.subleaf; });
    const bool there = row != all.end() && ((*row).*feature.word & mask) != 0;
    if (change.wanted && !there) {
      throw HostError(fmt::format("--cpu {}: this host's KVM does not support it", change.name));
    }
    if (!there) continue;
    std::uint32_t& word = entries[static_cast<std::size_t>(row - all.begin())].*feature.word;
    word = change.wanted ? word | mask : word & ~mask;
  }
  return entries;
}

}  // namespace vmm
