#include "vmm/cpu/page_walk.hpp"

#include <array>
#include <catch2/catch.hpp>

#include "vmm/memory/layout.hpp"

using namespace vmm;
using Reason = PageFault::Reason;

namespace {

constexpr std::uint64_t kTop = 0x1000, kSecond = 0x2000, kThird = 0x3000, kFourth = 0x4000, kFifth = 0x5000;
constexpr std::uint64_t kAll = 7;  // present, writable, user
constexpr std::uint64_t kLarge = 0x80;
constexpr std::uint64_t kXd = 1ULL << 63;

struct World {
  GuestMemory memory{4 * layout::kMiB};
  CpuState state;

  World(std::uint64_t cr4, std::uint64_t efer) {
    state.cr0 = kCr0Pe | kCr0Pg;
    state.cr3 = kTop;
    state.cr4 = cr4;
    state.efer = efer;
  }
  void entry32(std::uint64_t table, std::uint64_t index, std::uint64_t value) {
    REQUIRE(memory.store(table + index * 4, static_cast<std::uint32_t>(value)));
  }
  void entry64(std::uint64_t table, std::uint64_t index, std::uint64_t value) {
    REQUIRE(memory.store(table + index * 8, value));
  }
  auto walk_to(std::uint64_t linear) { return walk(state, memory, linear); }
  std::uint64_t physical(std::uint64_t linear) {
    const auto page = walk_to(linear);
    REQUIRE(page.has_value());
    return page->physical;
  }
  PageFault fault(std::uint64_t linear) {
    const auto page = walk_to(linear);
    REQUIRE_FALSE(page.has_value());
    REQUIRE_FALSE(describe(page.error()).empty());
    return page.error();
  }
};

World four_level() {
  World world(kCr4Pae, kEferLme | kEferLma | kEferNxe);
  world.entry64(kTop, 511, kSecond | kAll);
  world.entry64(kSecond, 510, kThird | kAll);
  world.entry64(kThird, 1, kFourth | kAll);
  world.entry64(kFourth, 2, 0x7000 | kAll);
  return world;
}
constexpr std::uint64_t kKernel = 0xffffffff80000000;

}  // namespace

TEST_CASE("without paging an address is itself, within 32 bits") {
  World world(0, 0);
  world.state.cr0 = 0;
  REQUIRE(world.physical(0x12345) == 0x12345);
  REQUIRE(world.physical(0xffffffff00012345) == 0x12345);
}

TEST_CASE("32-bit paging") {
  World world(0, 0);
  world.entry32(kTop, 0x300, kSecond | kAll);
  world.entry32(kSecond, 1, 0x5000 | 1);
  REQUIRE(world.physical(0xc0001234) == 0x5234);
  REQUIRE(world.physical(0xffffffffc0001234) == 0x5234);
  REQUIRE_FALSE(world.walk_to(0xc0001234)->writable);
  REQUIRE_FALSE(world.walk_to(0xc0001234)->user);
  REQUIRE(world.fault(0xc0002000) == PageFault{Reason::kNotPresent, 1});
  REQUIRE(world.fault(0) == PageFault{Reason::kNotPresent, 2});
}

TEST_CASE("PS needs CR4.PSE, and PSE-36 reaches 40 bits") {
  World world(0, 0);
  // Bits 20:13 hold address bits 39:32.
  world.entry32(kTop, 2, 0x00c00000 | 3U << 13 | kLarge | kAll);
  world.entry32(0x00c06000 & 0x3ff000, 0, 0);
  REQUIRE(world.fault(0x00812345) == PageFault{Reason::kTableOutsideMemory, 1});
  world.state.cr4 = kCr4Pse;
  const auto page = world.walk_to(0x00812345);
  REQUIRE(page->physical == 0x300c12345);
  REQUIRE(page->page_size == 4 * layout::kMiB);
}

TEST_CASE("PAE") {
  World world(kCr4Pae, kEferNxe);
  world.state.cr3 = kTop + 0x20;  // 32-byte aligned
  world.entry64(kTop + 0x20, 3, kSecond | 1);
  world.entry64(kSecond, 1, kThird | kAll);
  world.entry64(kSecond, 2, 0x40000000 | kLarge | kAll);
  world.entry64(kThird, 5, 0x6000 | kAll | kXd);
  const auto page = world.walk_to(0xc0205678);
  REQUIRE(page->physical == 0x6678);
  REQUIRE(page->writable);
  REQUIRE(page->user);
  REQUIRE(page->no_execute);
  REQUIRE(world.physical(0xc0412345) == 0x40012345);
  REQUIRE(world.walk_to(0xc0412345)->page_size == 2 * layout::kMiB);
  REQUIRE(world.fault(0) == PageFault{Reason::kNotPresent, 3});
  world.state.efer = 0;
  REQUIRE_FALSE(world.walk_to(0xc0205678)->no_execute);
}

TEST_CASE("4-level paging") {
  World world = four_level();
  REQUIRE(world.physical(kKernel + 0x202345) == 0x7345);
  REQUIRE(world.walk_to(kKernel + 0x202345)->page_size == 4096);
  REQUIRE(world.fault(0x1000) == PageFault{Reason::kNotPresent, 4});
  REQUIRE(world.fault(kKernel) == PageFault{Reason::kNotPresent, 2});
  world.entry64(kThird, 0, 0x600000 | kLarge | kAll);
  REQUIRE(world.physical(kKernel + 0x1abcd) == 0x61abcd);
  world.entry64(kSecond, 511, 0x80000000 | kLarge | 1 | kXd);
  const auto page = world.walk_to(0xffffffffc0000123);
  REQUIRE(page->physical == 0x80000123);
  REQUIRE(page->page_size == layout::kGiB);
  REQUIRE(page->no_execute);
  REQUIRE_FALSE(page->writable);
}

TEST_CASE("permissions are those of all levels together") {
  World world = four_level();
  world.entry64(kSecond, 510, kThird | 1 | kXd);
  const auto page = world.walk_to(kKernel + 0x202000);
  REQUIRE_FALSE(page->writable);
  REQUIRE_FALSE(page->user);
  REQUIRE(page->no_execute);
}

TEST_CASE("5-level paging") {
  World world(kCr4Pae | kCr4La57, kEferLme | kEferLma);
  world.entry64(kTop, 0x100, kFifth | kAll);
  world.entry64(kFifth, 0, kSecond | kAll);
  world.entry64(kSecond, 0, kThird | kAll);
  world.entry64(kThird, 0, kFourth | kAll);
  world.entry64(kFourth, 0, 0x8000 | kAll);
  REQUIRE(world.physical(0xff00000000000042) == 0x8042);
  REQUIRE(world.fault(0x0100000000000000).reason == Reason::kNotCanonical);
  REQUIRE(world.fault(0x0001000000000000) == PageFault{Reason::kNotPresent, 5});
}

TEST_CASE("addresses between the canonical halves don't translate") {
  World world = four_level();
  REQUIRE(world.fault(0x0000800000000000).reason == Reason::kNotCanonical);
  REQUIRE(world.fault(0xffff7fffffffffff).reason == Reason::kNotCanonical);
}

TEST_CASE("tables outside memory are a fault, wherever they point") {
  World world = four_level();
  for (const std::uint64_t place : {0xa0000ULL, 0x80000000ULL, 0xffffffffff000ULL}) {
    world.entry64(kThird, 1, place | kAll);
    REQUIRE(world.fault(kKernel + 0x202000) == PageFault{Reason::kTableOutsideMemory, 1});
    world.state.cr3 = place;
    REQUIRE(world.fault(kKernel + 0x202000) == PageFault{Reason::kTableOutsideMemory, 4});
    world.state.cr3 = kTop;
  }
}

TEST_CASE("linear copies cross pages and stop where nothing is mapped") {
  World world = four_level();
  world.entry64(kFourth, 3, 0x9000 | kAll);  // after 0x7000: not neighbours in physical memory
  std::array<std::byte, 32> data{};
  data.fill(std::byte{0xaa});
  REQUIRE(write_linear(world.state, world.memory, kKernel + 0x202ff0, data) == 32);
  REQUIRE(world.memory.load<std::uint8_t>(0x7fff) == 0xaa);
  REQUIRE(world.memory.load<std::uint8_t>(0x9000) == 0xaa);
  REQUIRE(world.memory.load<std::uint8_t>(0x8000) == 0);
  std::array<std::byte, 32> out{};
  REQUIRE(read_linear(world.state, world.memory, kKernel + 0x202ff0, out) == 32);
  REQUIRE(out == data);
  REQUIRE(read_linear(world.state, world.memory, kKernel + 0x203ff8, out) == 8);
  REQUIRE(read_linear(world.state, world.memory, kKernel + 0x204000, out) == 0);
}

TEST_CASE("a page that maps no memory ends a copy") {
  World world = four_level();
  world.entry64(kFourth, 3, 0xfee00000 | kAll);
  std::array<std::byte, 32> out{};
  REQUIRE(read_linear(world.state, world.memory, kKernel + 0x202ff8, out) == 8);
}

TEST_CASE("where planted bytes lie, linear copies see and change the guest's own") {
  World world = four_level();
  world.entry64(kFourth, 3, 0x9000 | kAll);
  PlantedBytes planted(world.memory);
  planted.plant(0x7fff, std::byte{0xcc});
  planted.plant(0x9000, std::byte{0xcc});
  std::array<std::byte, 4> data{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
  REQUIRE(write_linear(world.state, world.memory, planted, kKernel + 0x202ffe, data) == 4);
  REQUIRE(world.memory.load<std::uint8_t>(0x7ffe) == 1);
  REQUIRE(world.memory.load<std::uint8_t>(0x7fff) == 0xcc);
  REQUIRE(world.memory.load<std::uint8_t>(0x9000) == 0xcc);
  std::array<std::byte, 4> out{};
  REQUIRE(read_linear(world.state, world.memory, planted, kKernel + 0x202ffe, out) == 4);
  REQUIRE(out == data);
  REQUIRE(read_linear(world.state, world.memory, planted, kKernel + 0x203ffe, out) == 2);
  REQUIRE(write_linear(world.state, world.memory, planted, kKernel + 0x203ffe, data) == 2);
  planted.lift();
  REQUIRE(world.memory.load<std::uint8_t>(0x9000) == 3);
}

TEST_CASE("a linear range lies in pieces, up to the first page that is not mapped or not memory") {
  using Pieces = std::vector<LinearPiece>;
  World world = four_level();
  world.entry64(kFourth, 3, 0x9000 | kAll);
  const auto pieces = [&](std::uint64_t linear, std::size_t size) {
    return linear_pieces(world.state, world.memory, linear, size);
  };
  REQUIRE(pieces(kKernel + 0x202010, 8) == Pieces{{0x7010, 8}});
  REQUIRE(pieces(kKernel + 0x202ff8, 16) == Pieces{{0x7ff8, 8}, {0x9000, 8}});
  REQUIRE(pieces(kKernel + 0x203ff8, 16) == Pieces{{0x9ff8, 8}});
  REQUIRE(pieces(kKernel + 0x202000, 0).empty());
  REQUIRE(pieces(0x1000, 8).empty());
  world.entry64(kFourth, 3, 0xfee00000 | kAll);
  REQUIRE(pieces(kKernel + 0x202ff8, 16) == Pieces{{0x7ff8, 8}});
  world.entry64(kThird, 1, 0x200000 | kLarge | kAll);
  REQUIRE(pieces(kKernel + 0x202ff8, 16) == Pieces{{0x202ff8, 16}});
}

namespace {

std::vector<std::uint64_t> tables_of(const World& world) {
  return table_pages(std::span(&world.state, 1), world.memory);
}

}  // namespace

TEST_CASE("all tables in use are found; pages that they map are none") {
  using Pages = std::vector<std::uint64_t>;
  World world = four_level();
  REQUIRE(tables_of(world) == Pages{kTop, kSecond, kThird, kFourth});
  world.entry64(kThird, 0, 0x200000 | kLarge | kAll);
  world.entry64(kSecond, 0, kLarge | kAll);
  world.entry64(kTop, 0, kSecond | kAll);  // the same once more
  world.entry64(kTop, 1, 0xfee00000 | kAll);
  world.entry64(kTop, 2, kFifth);  // not present
  REQUIRE(tables_of(world) == Pages{kTop, kSecond, kThird, kFourth});
  world.state.cr0 = kCr0Pe;
  REQUIRE(tables_of(world).empty());
}

TEST_CASE("tables of the other modes") {
  using Pages = std::vector<std::uint64_t>;
  World plain(0, 0);
  plain.entry32(kTop, 1, kSecond | kAll);
  plain.entry32(kTop, 2, kThird | kLarge | kAll);
  REQUIRE(tables_of(plain) == Pages{kTop, kSecond, kThird});
  plain.state.cr4 = kCr4Pse;
  REQUIRE(tables_of(plain) == Pages{kTop, kSecond});

  World pae(kCr4Pae, 0);
  pae.state.cr3 = kTop + 0x20;
  pae.entry64(kTop + 0x20, 3, kSecond | 1);
  pae.entry64(kTop + 0x20, 4, kFifth | 1);  // there are but four
  pae.entry64(kSecond, 7, kThird | kAll);
  REQUIRE(tables_of(pae) == Pages{kTop, kSecond, kThird});

  World five(kCr4Pae | kCr4La57, kEferLme | kEferLma);
  five.entry64(kTop, 1, kSecond | kAll);
  five.entry64(kSecond, 1, kThird | kAll);
  five.entry64(kThird, 1, kFourth | kAll);
  five.entry64(kFourth, 1, kFifth | kAll);
  five.entry64(kFifth, 1, 0x6000 | kAll);
  REQUIRE(tables_of(five) == Pages{kTop, kSecond, kThird, kFourth, kFifth});
}

TEST_CASE("the tables of several CR3s are found once, of two in one page, too") {
  using Pages = std::vector<std::uint64_t>;
  World world = four_level();
  CpuState other = world.state;
  other.cr3 = kFifth;
  world.entry64(kFifth, 0, kSecond | kAll);
  REQUIRE(table_pages(std::array{world.state, other}, world.memory) == Pages{kTop, kSecond, kThird, kFourth, kFifth});

  World pae(kCr4Pae, 0);
  pae.entry64(kTop, 0, kSecond | 1);
  pae.entry64(kTop + 0x20, 0, kThird | 1);
  other = pae.state;
  other.cr3 = kTop + 0x20;
  REQUIRE(table_pages(std::array{pae.state, other}, pae.memory) == Pages{kTop, kSecond, kThird});
}

TEST_CASE("a page that is a table of two levels leads on from both") {
  World world = four_level();
  world.entry64(kTop, 510, kTop | kAll);  // a recursive mapping
  REQUIRE(tables_of(world).size() == 4);

  // PAE's, by way of the first page directory, where the others are met as page tables first.
  World pae(kCr4Pae, 0);
  pae.entry64(kTop, 0, kSecond | 1);
  pae.entry64(kTop, 1, kThird | 1);
  pae.entry64(kSecond, 508, kSecond | kAll);
  pae.entry64(kSecond, 509, kThird | kAll);
  pae.entry64(kThird, 0, kFourth | kAll);
  REQUIRE(tables_of(pae) == std::vector{kTop, kSecond, kThird, kFourth});
}
