#include "vmm/memory/guest_memory.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

#include "vmm/base/errors.hpp"
#include "vmm/memory/layout.hpp"

using namespace vmm;
using namespace vmm::layout;

TEST_CASE("RAM ends at its size and has the PC's holes") {
  const GuestMemory memory(128 * kMiB);
  REQUIRE(memory.ram_end() == 128 * kMiB);
  REQUIRE(memory.contains(0, kLowRamEnd));
  REQUIRE_FALSE(memory.contains(kLowRamEnd, 1));
  REQUIRE(memory.contains(kVgaText, kVgaTextEnd - kVgaText));
  REQUIRE_FALSE(memory.contains(kVgaTextEnd, 1));
  REQUIRE(memory.contains(kBiosArea, 128 * kMiB - kBiosArea));
  REQUIRE_FALSE(memory.contains(kBiosArea, 128 * kMiB - kBiosArea + 1));
}

TEST_CASE("RAM beyond 3 GiB moves to 4 GiB") {
  GuestMemory memory(5 * kGiB);
  REQUIRE(memory.ram_end() == 6 * kGiB);
  REQUIRE_FALSE(memory.contains(kPciHole, 1));
  REQUIRE(memory.store(6 * kGiB - 8, std::uint64_t{42}));
  REQUIRE(memory.load<std::uint64_t>(6 * kGiB - 8) == 42);
  REQUIRE_FALSE(memory.store(6 * kGiB - 7, std::uint64_t{42}));
}

TEST_CASE("firmware has a ROM below 4 GiB and memory for its copy below 1 MiB") {
  const GuestMemory memory(5 * kGiB, 128 * kKiB);
  REQUIRE(memory.contains(kAbove4G - 128 * kKiB, 128 * kKiB + 2 * kGiB));
  REQUIRE_FALSE(memory.contains(kAbove4G - 128 * kKiB - 1, 1));
  REQUIRE(memory.contains(kVgaText, 5 * kMiB));
  REQUIRE(memory.ram_end() == 6 * kGiB);
  REQUIRE(memory.writable(kAbove4G, 2 * kGiB));
  REQUIRE_FALSE(memory.writable(kAbove4G - 1, 2));
  REQUIRE_FALSE(memory.writable(kAbove4G + 2 * kGiB - 1, 2));
  for (const auto& region : memory.regions()) {
    REQUIRE(region.read_only == (region.base == kAbove4G - 128 * kKiB));
    REQUIRE_FALSE((region.ram && region.base == kOptionRoms));
  }
}

TEST_CASE("sizes are rounded up, and impossible ones refused") {
  REQUIRE(GuestMemory(2 * kMiB + 1).ram_size() == 2 * kMiB + 4096);
  REQUIRE(GuestMemory(kMinRam).ram_end() == kLowRamEnd);
  REQUIRE_THROWS_AS(GuestMemory(kMinRam - 1), HostError);
  REQUIRE_THROWS_AS(GuestMemory(~0ULL), HostError);
}

TEST_CASE("copies stop at the first hole and cross regions that touch") {
  GuestMemory memory(2 * kMiB);
  const std::vector<std::byte> data(64, std::byte{0x5a});
  REQUIRE(memory.write(kLowRamEnd - 16, data) == 16);
  REQUIRE(memory.write(kHighRam - 32, data) == 64);
  std::vector<std::byte> out(64);
  REQUIRE(memory.read(kHighRam - 32, out) == 64);
  REQUIRE(out == data);
  REQUIRE(memory.read(2 * kMiB - 1, out) == 1);
  REQUIRE(memory.read(~0ULL - 3, out) == 0);
  REQUIRE_FALSE(memory.contains(~0ULL - 3, 8));
}

TEST_CASE("a cleared memory is zero") {
  GuestMemory memory(2 * kMiB);
  memory.store(0x1000, 0x1234567);
  memory.clear();
  REQUIRE(memory.load<int>(0x1000) == 0);
}
