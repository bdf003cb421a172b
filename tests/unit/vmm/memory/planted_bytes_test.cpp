#include "vmm/memory/planted_bytes.hpp"

#include <array>
#include <catch2/catch.hpp>

#include "vmm/memory/layout.hpp"

using namespace vmm;

namespace {

constexpr std::byte kTrap{0xcc};
constexpr std::byte kOwn{0x90};

struct Bench {
  Bench() {
    for (std::uint64_t at = 0x1000; at < 0x1010; ++at) memory.store(at, kOwn);
  }
  std::byte byte(std::uint64_t address) { return *memory.load<std::byte>(address); }
  GuestMemory memory{layout::kMinRam};
  PlantedBytes planted{memory};
};

}  // namespace

TEST_CASE("a trap lies over the guest's byte until it is lifted") {
  Bench bench;
  REQUIRE_FALSE(bench.planted.any());
  REQUIRE(bench.planted.lost(0x1004));
  bench.planted.plant(0x1004, kTrap);
  bench.planted.plant(0x1004, std::byte{0xf1});  // changes nothing
  REQUIRE(bench.planted.any());
  REQUIRE(bench.byte(0x1004) == kTrap);
  REQUIRE_FALSE(bench.planted.lost(0x1004));
  REQUIRE(bench.planted.lost(0x1005));
  bench.planted.lift();
  REQUIRE(bench.byte(0x1004) == kOwn);
  REQUIRE_FALSE(bench.planted.any());
  bench.planted.plant(0x1004, std::byte{0xf1});
  REQUIRE(bench.byte(0x1004) == std::byte{0xf1});
}

TEST_CASE("where no memory is, nothing is planted") {
  Bench bench;
  bench.planted.plant(layout::kLowRamEnd, kTrap);
  REQUIRE_FALSE(bench.planted.any());
}

TEST_CASE("what the guest wrote over a trap by itself is the guest's") {
  Bench bench;
  bench.planted.plant(0x1004, kTrap);
  bench.memory.store(0x1004, std::byte{0x55});
  REQUIRE(bench.planted.lost(0x1004));
  std::array<std::byte, 1> shown{std::byte{0x55}};
  bench.planted.hide(0x1004, shown);
  REQUIRE(shown[0] == std::byte{0x55});
  bench.planted.lift();
  REQUIRE(bench.byte(0x1004) == std::byte{0x55});
}

TEST_CASE("what is written under a trap shows when it is lifted, and in what hides it") {
  Bench bench;
  bench.planted.plant(0x1004, kTrap);
  bench.planted.plant(0x1008, kTrap);
  std::array<std::byte, 5> data{};
  data.fill(std::byte{0x11});
  REQUIRE(bench.planted.write_under(0x1004, data) == data.size());
  REQUIRE(bench.byte(0x1004) == kTrap);
  REQUIRE(bench.byte(0x1005) == data[1]);
  REQUIRE(bench.byte(0x1008) == kTrap);
  REQUIRE_FALSE(bench.planted.lost(0x1004));
  std::array<std::byte, 5> shown{};
  bench.memory.read(0x1004, shown);
  bench.planted.hide(0x1004, shown);
  REQUIRE(shown == data);
  bench.planted.lift();
  REQUIRE(bench.byte(0x1004) == data[0]);
  REQUIRE(bench.byte(0x1008) == data[4]);
}

TEST_CASE("a write and a look beside a trap leave it alone") {
  Bench bench;
  bench.planted.plant(0x1004, kTrap);
  const std::array data{kTrap, kTrap};
  bench.planted.write_under(0x1002, data);
  bench.planted.write_under(0x1005, data);
  bench.planted.lift();
  REQUIRE(bench.byte(0x1003) == kTrap);
  REQUIRE(bench.byte(0x1004) == kOwn);
  bench.planted.plant(0x1004, kTrap);
  std::array<std::byte, 4> shown{};
  bench.memory.read(0x1003, shown);
  bench.planted.hide(0x1003, shown);
  REQUIRE(shown == std::array{kTrap, kOwn, kTrap, kTrap});  // the outer ones are the guest's own
}

TEST_CASE("a write under traps ends at the first hole, and a trap behind it keeps what it hides") {
  Bench bench;
  const std::uint64_t last = layout::kLowRamEnd - 1;
  bench.planted.plant(last, kTrap);
  const std::array data{std::byte{1}, std::byte{2}, std::byte{3}};
  REQUIRE(bench.planted.write_under(last - 1, data) == 2);
  REQUIRE(bench.planted.write_under(last + 1, data) == 0);
  bench.planted.lift();
  REQUIRE(bench.byte(last) == std::byte{2});
}
