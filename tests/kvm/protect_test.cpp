#include <cstring>

#include "tests/kvm/guest.hpp"
#include "vmm/kvm/bench.hpp"

using namespace vmm;
using kvm::Bench;
using kvm::ExitIo;
using kvm::ExitMmio;
using kvm::ProtectedPage;
using enum ProtectedPage::Traps;

namespace {

std::uint64_t value_of(std::span<const std::byte> data) {
  std::uint64_t value = 0;
  std::memcpy(&value, data.data(), data.size());
  return value;
}

/// At CPL 0 in long mode: `mov [kData + 8], eax; mov ebx, [kData + 8]; out 0x80, al`.
struct StoreAndLoad {
  static constexpr std::uint64_t kWord = Bench::kData + 8;
  StoreAndLoad() {
    const auto b = [](unsigned value) { return static_cast<std::byte>(value); };
    bench.put(Bench::kCode, {b(0x89), b(0x04), b(0x25), b(kWord & 0xff), b(kWord >> 8), b(0), b(0), b(0x8b), b(0x1c),
                             b(0x25), b(kWord & 0xff), b(kWord >> 8), b(0), b(0), Bench::kOut, Bench::kEndPort});
    bench.put(kWord, 0x11111111);
  }
  kvm::Exit run() {
    CpuState state = bench.kernel();
    state.gpr[kRax] = 0x12345678;
    return bench.run(state);
  }
  std::uint64_t loaded() { return bench.vcpu().state().gpr[kRbx]; }
  Bench bench{test::host(), kvm::Vm::Chips::kNone};
};

}  // namespace

TEST_CASE("a store into a page that traps writes leaves the guest, with memory unchanged; a load does not",
          "[protect]") {
  StoreAndLoad guest;
  guest.bench.vm().protect(std::array{ProtectedPage{Bench::kData, kWrites}});

  const kvm::Exit exit = guest.run();
  REQUIRE(std::holds_alternative<ExitMmio>(exit));
  const auto& store = std::get<ExitMmio>(exit);
  REQUIRE(store.write);
  REQUIRE(store.address == StoreAndLoad::kWord);
  REQUIRE(store.data.size() == 4);
  REQUIRE(value_of(store.data) == 0x12345678);
  REQUIRE(guest.bench.memory().load<std::uint32_t>(StoreAndLoad::kWord) == 0x11111111);

  REQUIRE(std::holds_alternative<ExitIo>(guest.bench.resume()));
  REQUIRE(guest.loaded() == 0x11111111);
}

TEST_CASE("a page without slot gives its loads, too, and the guest gets what we answer", "[protect]") {
  StoreAndLoad guest;
  guest.bench.vm().protect(std::array{ProtectedPage{Bench::kData, kAll}});

  REQUIRE(std::holds_alternative<ExitMmio>(guest.run()));
  const kvm::Exit exit = guest.bench.resume();
  REQUIRE(std::holds_alternative<ExitMmio>(exit));
  const auto& load = std::get<ExitMmio>(exit);
  REQUIRE_FALSE(load.write);
  REQUIRE(load.address == StoreAndLoad::kWord);
  REQUIRE(load.data.size() == 4);
  constexpr std::uint32_t kAnswer = 0xcafe;
  std::memcpy(load.data.data(), &kAnswer, sizeof kAnswer);

  REQUIRE(std::holds_alternative<ExitIo>(guest.bench.resume()));
  REQUIRE(guest.loaded() == kAnswer);
}

TEST_CASE("a fetch from a page without slot leaves the guest, which sees nothing of it when the page is back",
          "[protect]") {
  StoreAndLoad guest;
  guest.bench.vm().protect(std::array{ProtectedPage{Bench::kCode, kAll}});
  REQUIRE(std::holds_alternative<kvm::ExitEmulationFailure>(guest.run()));
  REQUIRE(guest.bench.vcpu().state().rip == Bench::kCode);

  guest.bench.vm().protect({});
  REQUIRE(std::holds_alternative<ExitIo>(guest.bench.resume()));
  REQUIRE(guest.loaded() == 0x12345678);
}

TEST_CASE("protection changes as often as one likes, and goes without a trace", "[protect]") {
  StoreAndLoad guest;
  const std::vector<std::vector<ProtectedPage>> steps{{{Bench::kData, kAll}},
                                                      {{Bench::kData, kWrites}, {0x20000, kAll}},
                                                      {{Bench::kData, kWrites}, {0x3000, kWrites}, {0xf0000, kAll}},
                                                      {{0, kWrites}, {Bench::kData, kAll}, {0x9f000, kWrites}}};
  for (int round = 0; round < 8; ++round) {
    for (const auto& pages : steps) {
      guest.bench.vm().protect(pages);
      REQUIRE(std::holds_alternative<ExitMmio>(guest.run()));
      guest.bench.settle();
    }
    guest.bench.vm().protect({});
    REQUIRE(std::holds_alternative<ExitIo>(guest.run()));
    REQUIRE(guest.loaded() == 0x12345678);
    guest.bench.settle();
  }
}

TEST_CASE("every page of memory may be protected at once", "[protect]") {
  StoreAndLoad guest;
  std::vector<ProtectedPage> pages;
  for (const GuestMemory::Region& region : guest.bench.memory().regions()) {
    for (std::uint64_t at = region.base; at < region.base + region.size; at += kvm::kProtectedPageSize) {
      pages.push_back({at, at / kvm::kProtectedPageSize % 2 == 0 ? kWrites : kAll});
    }
  }
  guest.bench.vm().protect(pages);
  guest.bench.vm().protect({});
  REQUIRE(std::holds_alternative<ExitIo>(guest.run()));
  REQUIRE(guest.loaded() == 0x12345678);
}
