#include "vmm/cpu/cpuid.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "vmm/base/errors.hpp"
#include "vmm/cpu/cpuid_names.hpp"

using namespace vmm;
using Catch::Contains;

namespace {

std::vector<CpuidEntry> host() {
  return {
      {.leaf = 1, .ebx = 0x01020304, .ecx = 1U << 0 | 1U << 26 | 1U << 28, .edx = 0xffff},
      {.leaf = 4, .subleaf = 0, .flags = 1, .eax = 0x1c004121},
      {.leaf = 4, .subleaf = 3, .flags = 1, .eax = 0x1c004163},
      {.leaf = 7, .flags = 1, .ebx = 1U << 5},
      {.leaf = 0xb, .subleaf = 0, .eax = 7, .ebx = 9, .edx = 99},
      {.leaf = 0x40000001, .eax = 0x0100'0009},
      {.leaf = 0x80000008, .ecx = 0x700f},
      {.leaf = 0x8000001e, .eax = 77, .ebx = 78},
  };
}

CpuidEntry entry(const std::vector<CpuidEntry>& all, std::uint32_t leaf, std::uint32_t subleaf = 0) {
  const auto found =
      std::ranges::find_if(all, [&](const auto& row) { return row.leaf == leaf && row.subleaf == subleaf; });
  REQUIRE(found != all.end());
  return *found;
}

std::string refusal(std::string_view text) {
  try {
    guest_cpuid(host(), parse_cpu_policy(text), {});
  } catch (const HostError& error) {
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("each CPU is a core of one package, with its own id") {
  const auto third = guest_cpuid(host(), {}, {.index = 2, .cpus = 3});
  REQUIRE(entry(third, 1).ebx == 0x02040304);  // id 2, room for 4 ids
  REQUIRE((entry(third, 1).edx & 1U << 28) != 0);
  REQUIRE((entry(third, 1).ecx & 1U << 31) != 0);
  REQUIRE((entry(third, 1).ecx & 1U << 24) == 0);
  REQUIRE(entry(third, 4, 0).eax >> 26 == 3);
  REQUIRE((entry(third, 4, 0).eax >> 14 & 0xfff) == 0);
  REQUIRE((entry(third, 4, 3).eax >> 14 & 0xfff) == 3);
  REQUIRE(entry(third, 0xb, 0) == CpuidEntry{0xb, 0, 1, 0, 1, 0x100, 2});
  REQUIRE(entry(third, 0xb, 1) == CpuidEntry{0xb, 1, 1, 2, 3, 0x201, 2});
  REQUIRE(entry(third, 0xb, 2) == CpuidEntry{0xb, 2, 1, 0, 0, 0x002, 2});
  REQUIRE(entry(third, 0x80000008).ecx == 0x2002);
  REQUIRE(entry(third, 0x8000001e).eax == 2);
  REQUIRE(entry(third, 0x8000001e).ebx == 2);
  // What KVM does not have at all does not come into being.
  REQUIRE(std::ranges::none_of(third, [](const auto& row) { return row.leaf == 0x1f; }));
}

TEST_CASE("a single CPU has no hyper-threads, and one id") {
  const auto only = guest_cpuid(host(), {}, {.index = 0, .cpus = 1, .deadline_timer = true});
  REQUIRE(entry(only, 1).ebx == 0x00010304);
  REQUIRE((entry(only, 1).edx & 1U << 28) == 0);
  REQUIRE((entry(only, 1).ecx & 1U << 24) != 0);
  REQUIRE(entry(only, 0xb, 1) == CpuidEntry{0xb, 1, 1, 0, 1, 0x201, 0});
}

TEST_CASE("features are taken away by any of their names, and the last word counts") {
  const auto has = [](std::string_view text, std::uint32_t CpuidEntry::* word, std::uint32_t leaf, unsigned bit) {
    return (entry(guest_cpuid(host(), parse_cpu_policy(text), {}), leaf).*word >> bit & 1) != 0;
  };
  REQUIRE(has("", &CpuidEntry::ecx, 1, 28));
  REQUIRE_FALSE(has("-avx,-xsave", &CpuidEntry::ecx, 1, 28));
  REQUIRE_FALSE(has("-avx,-xsave", &CpuidEntry::ecx, 1, 26));
  REQUIRE_FALSE(has("-pni", &CpuidEntry::ecx, 1, 0));
  REQUIRE_FALSE(has("-AVX2", &CpuidEntry::ebx, 7, 5));
  REQUIRE(has("-avx2,+avx2", &CpuidEntry::ebx, 7, 5));
  REQUIRE_FALSE(has("avx2,-avx2", &CpuidEntry::ebx, 7, 5));
  REQUIRE_FALSE(has("-sse4_1,-sse4.2,-hypervisor", &CpuidEntry::ecx, 1, 31));
  REQUIRE(has("-cr8_legacy,-avx512_vbmi2,-tsxldtrk,-dts", &CpuidEntry::ecx, 1, 0));  // Linux's writing
  // The clock has a bit for its old MSRs, too; its "stable" bit is another feature.
  REQUIRE(entry(guest_cpuid(host(), parse_cpu_policy("-kvm_clock"), {}), 0x40000001).eax == 0x0100'0000);
}

TEST_CASE("a name that is none is refused with those near it, and so is what KVM lacks") {
  REQUIRE_THAT(refusal("-avx3"), Contains("`avx3` is no CPU feature") && Contains("avx2"));
  REQUIRE_THAT(refusal("kvm-cl0ck"), Contains("kvmclock"));
  REQUIRE_THAT(refusal("-avx512"), Contains("avx512f"));
  REQUIRE_THAT(refusal("zzzzzzzzzzzz"), Contains("/proc/cpuinfo"));
  REQUIRE_THAT(refusal("-avx,,"), Contains("`` is no CPU feature (names are as in /proc/cpuinfo)"));
  REQUIRE_THAT(refusal(std::string(100000, 'a')), Contains("no CPU feature"));
  REQUIRE_THAT(refusal("avx512f"), Contains("--cpu avx512f: this host's KVM does not support it"));
  REQUIRE(refusal("-avx512f").empty());
}

TEST_CASE("every name is written plainly and stands once") {
  std::set<std::string_view> seen;
  for (const CpuFeatureWord& word : cpu_feature_words()) {
    for (const std::string_view name : word.names) {
      if (name.empty()) continue;
      CHECK(name.find_first_of("_.ABCDEFGHIJKLMNOPQRSTUVWXYZ, ") == std::string_view::npos);
      if (name != "kvmclock") CHECK(seen.insert(name).second);  // has two bits
      CHECK(parse_cpu_policy(name).at(0).feature.bit < 32);
    }
  }
}
