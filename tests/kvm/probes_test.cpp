#include <catch2/catch.hpp>

#include "tests/kvm/guest.hpp"
#include "vmm/kvm/probes.hpp"

using namespace vmm;

TEST_CASE("the probes give the same answer each time", "[probes]") {
  const kvm::HostAbilities first = kvm::probe(test::host());
  REQUIRE(kvm::probe(test::host()) == first);
}

TEST_CASE("every host of ours can step, and can stop somewhere", "[probes]") {
  const kvm::HostAbilities found = kvm::probe(test::host());
  REQUIRE(found.step);
  REQUIRE((found.execute_registers || found.int3_kernel != kvm::TrapEffect::kNone));
}

TEST_CASE("every ability is described once, with what it means", "[probes]") {
  const auto rows = kvm::describe(kvm::probe(test::host()));
  std::set<std::string_view> keys;
  for (const auto& row : rows) {
    REQUIRE(keys.insert(row.key).second);
    REQUIRE_FALSE(row.value.empty());
    REQUIRE_FALSE(row.meaning.empty());
  }
  REQUIRE(rows.size() == 21);
}
