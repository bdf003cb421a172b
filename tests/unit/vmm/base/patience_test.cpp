#include "vmm/base/patience.hpp"

#include <catch2/catch.hpp>
#include <vector>

using namespace vmm;

namespace {

/// At which of so many opportunities it was tried, always in vain.
std::vector<int> tried_in_vain(Backoff& backoff, int opportunities, unsigned loss = 1) {
  std::vector<int> tried;
  for (int at = 0; at < opportunities; ++at) {
    if (!backoff.due()) continue;
    tried.push_back(at);
    backoff.failed(loss);
  }
  return tried;
}

}  // namespace

TEST_CASE("what fails again and again is tried more and more seldom, but never given up") {
  Backoff backoff;
  CHECK(tried_in_vain(backoff, 30) == std::vector<int>{0, 1, 3, 7, 15});
  CHECK(tried_in_vain(backoff, 10'000).size() > 30);
  backoff.succeeded();
  while (!backoff.due()) {
  }
  CHECK(tried_in_vain(backoff, 10, 4) == std::vector<int>{0, 1, 6});
}

TEST_CASE("what fails only now and then is tried each time") {
  Backoff backoff;
  for (int i = 0; i < 100; ++i) {
    REQUIRE(backoff.due());
    backoff.failed();
    REQUIRE(backoff.due());
    backoff.succeeded();
  }
}

TEST_CASE("patience ends with the first work, and without any") {
  Patience patience;
  int looks = 0;
  CHECK(patience.wait([&] { return ++looks == 3; }));
  CHECK(looks == 3);
  CHECK_FALSE(patience.wait([] { return false; }));
  CHECK_FALSE(patience.wait([] { return false; }));
  looks = 0;
  CHECK_FALSE(patience.wait([&] { return ++looks > 0; }));  // spared
  CHECK(looks == 0);
  CHECK(patience.wait([&] { return ++looks > 0; }));
}
