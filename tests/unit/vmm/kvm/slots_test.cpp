#include "vmm/kvm/slots.hpp"

#include <catch2/catch.hpp>
#include <vector>

using namespace vmm;
using kvm::MemorySlot;
using kvm::ProtectedPage;
using enum ProtectedPage::Traps;

namespace {

constexpr std::uint64_t kPage = kvm::kProtectedPageSize;

/// Two regions with a hole between them: pages 0…7 and 16…19.
class Layout {
 public:
  std::vector<MemorySlot> with(const std::vector<ProtectedPage>& pages) const {
    return kvm::slot_layout(regions_, pages);
  }
  /// Pages [first, end) as one slot.
  MemorySlot slot(std::uint64_t first, std::uint64_t end, bool read_only = false) const {
    const auto& region = regions_[first < 16 ? 0 : 1];
    return {first * kPage, (end - first) * kPage, region.host + (first * kPage - region.base), read_only};
  }
  MemorySlot read_only(std::uint64_t first, std::uint64_t end) const { return slot(first, end, true); }

 private:
  std::vector<std::byte> low_ = std::vector<std::byte>(8 * kPage);
  std::vector<std::byte> high_ = std::vector<std::byte>(4 * kPage);
  std::vector<GuestMemory::Region> regions_{{0, 8 * kPage, low_.data(), true},
                                            {16 * kPage, 4 * kPage, high_.data(), true}};
};

using Slots = std::vector<MemorySlot>;

}  // namespace

TEST_CASE("a ROM is read-only, with protected pages and without", "[slots]") {
  std::vector<std::byte> bytes(4 * kPage);
  const std::vector<GuestMemory::Region> rom{{8 * kPage, 4 * kPage, bytes.data(), false, true}};
  const auto slot = [&](std::uint64_t first, std::uint64_t end) {
    return MemorySlot{first * kPage, (end - first) * kPage, bytes.data() + (first - 8) * kPage, true};
  };
  REQUIRE(kvm::slot_layout(rom, {}) == Slots{slot(8, 12)});
  REQUIRE(kvm::slot_layout(rom, std::vector<ProtectedPage>{{9 * kPage, kWrites}}) == Slots{slot(8, 12)});
  REQUIRE(kvm::slot_layout(rom, std::vector<ProtectedPage>{{9 * kPage, kAll}}) == Slots{slot(8, 9), slot(10, 12)});
}

TEST_CASE("without protected pages each region is one slot", "[slots]") {
  const Layout layout;
  REQUIRE(layout.with({}) == Slots{layout.slot(0, 8), layout.slot(16, 20)});
}

TEST_CASE("a page that traps writes is a read-only slot between two others", "[slots]") {
  const Layout layout;
  REQUIRE(layout.with({{3 * kPage, kWrites}}) ==
          Slots{layout.slot(0, 3), layout.read_only(3, 4), layout.slot(4, 8), layout.slot(16, 20)});
}

TEST_CASE("a page that traps everything is in no slot", "[slots]") {
  const Layout layout;
  REQUIRE(layout.with({{17 * kPage, kAll}}) == Slots{layout.slot(0, 8), layout.slot(16, 17), layout.slot(18, 20)});
}

TEST_CASE("first and last pages of a region leave no empty slots", "[slots]") {
  const Layout layout;
  REQUIRE(layout.with({{0, kWrites}, {7 * kPage, kAll}, {16 * kPage, kAll}, {19 * kPage, kWrites}}) ==
          Slots{layout.read_only(0, 1), layout.slot(1, 7), layout.slot(17, 19), layout.read_only(19, 20)});
}

TEST_CASE("neighbours that trap the same share a slot, whatever their order", "[slots]") {
  const Layout layout;
  REQUIRE(layout.with({{4 * kPage, kWrites}, {2 * kPage, kWrites}, {5 * kPage, kAll}, {3 * kPage, kWrites}}) ==
          Slots{layout.slot(0, 2), layout.read_only(2, 5), layout.slot(6, 8), layout.slot(16, 20)});
}

TEST_CASE("read-only pages around a page without slot stay apart", "[slots]") {
  const Layout layout;
  REQUIRE(
      layout.with({{2 * kPage, kWrites}, {3 * kPage, kAll}, {4 * kPage, kWrites}}) ==
      Slots{layout.slot(0, 2), layout.read_only(2, 3), layout.read_only(4, 5), layout.slot(5, 8), layout.slot(16, 20)});
}

TEST_CASE("a whole region may be protected", "[slots]") {
  const Layout layout;
  const auto all = [](ProtectedPage::Traps traps) {
    return std::vector<ProtectedPage>{
        {16 * kPage, traps}, {17 * kPage, traps}, {18 * kPage, traps}, {19 * kPage, traps}};
  };
  REQUIRE(layout.with(all(kWrites)) == Slots{layout.slot(0, 8), layout.read_only(16, 20)});
  REQUIRE(layout.with(all(kAll)) == Slots{layout.slot(0, 8)});
}

TEST_CASE("slots do not reach over the border of two regions", "[slots]") {
  std::vector<std::byte> bytes(4 * kPage);
  const std::vector<GuestMemory::Region> regions{{0, 2 * kPage, bytes.data(), true},
                                                 {2 * kPage, 2 * kPage, bytes.data() + 2 * kPage, false}};
  const std::vector<ProtectedPage> pages{{kPage, kWrites}, {2 * kPage, kWrites}};
  REQUIRE(kvm::slot_layout(regions, pages).size() == 4);
}
