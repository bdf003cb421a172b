#include "vmm/kvm/msr_filter.hpp"

#include <catch2/catch.hpp>
#include <vector>

using namespace vmm;
using kvm::MsrRange;

namespace {

std::vector<kvm::MsrFilterRow> rows_of(const std::vector<MsrRange>& ranges) {
  auto rows = kvm::msr_filter(ranges);
  REQUIRE(rows);
  return *rows;
}

/// The MSRs that the rows trap.
std::vector<std::uint32_t> trapped(const std::vector<kvm::MsrFilterRow>& rows) {
  std::vector<std::uint32_t> found;
  for (const auto& row : rows) {
    for (std::uint32_t bit = 0; bit < row.count; ++bit) {
      if ((row.allowed.at(bit / 64) >> (bit % 64) & 1U) == 0) found.push_back(row.first + bit);
    }
  }
  return found;
}

using Indices = std::vector<std::uint32_t>;

}  // namespace

TEST_CASE("no trapped MSR makes no row", "[msr_filter]") { REQUIRE(rows_of({}).empty()); }

TEST_CASE("MSRs near each other share a row, in which the others are allowed", "[msr_filter]") {
  const auto rows = rows_of({{0xc0000102}, {0xc0000080, 3}, {0xc0000081, 4}});
  REQUIRE(rows.size() == 1);
  REQUIRE(trapped(rows) == Indices{0xc0000080, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000102});
}

TEST_CASE("MSRs far apart get rows of their own", "[msr_filter]") {
  const auto rows = rows_of({{0xc0000080}, {0x10}, {0x3010}, {0xffffffff, 5}});
  REQUIRE(rows.size() == 4);
  REQUIRE(trapped(rows) == Indices{0x10, 0x3010, 0xc0000080, 0xffffffff});
}

TEST_CASE("a range may be longer than a row, and lie within another", "[msr_filter]") {
  const auto rows = rows_of({{0x10000, 0x4000}, {0x10010}, {0x10000, 2}});
  REQUIRE(rows.size() == 2);
  REQUIRE(trapped(rows).size() == 0x4000);
}

TEST_CASE("what KVM can't filter is said in words", "[msr_filter]") {
  REQUIRE(kvm::msr_filter(std::vector<MsrRange>{{0x830}}).error().find("x2APIC") != std::string::npos);
  REQUIRE_FALSE(kvm::msr_filter(std::vector<MsrRange>{{0x7ff, 2}}));
  REQUIRE(kvm::msr_filter(std::vector<MsrRange>{{0x7ff}, {0x900}}));

  std::vector<MsrRange> apart;
  for (std::uint32_t i = 1; i <= 16; ++i) apart.push_back({i << 16U});
  REQUIRE(kvm::msr_filter(apart));
  apart.push_back({17U << 16U});
  REQUIRE(kvm::msr_filter(apart).error().find("too many") != std::string::npos);
  REQUIRE_FALSE(kvm::msr_filter(std::vector<MsrRange>{{0x1000, 0xffffffff}}));
}
