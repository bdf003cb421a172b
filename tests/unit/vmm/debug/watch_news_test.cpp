// What the user is told of how watchpoints are served.
#include "vmm/debug/watch_news.hpp"

#include <catch2/catch.hpp>

using namespace vmm;
using gdb::BreakpointType;
using Mechanism = Breakpoint::Mechanism;

namespace {

Breakpoint row_at(std::uint64_t address, Mechanism mechanism, std::string why) {
  Breakpoint row;
  row.spec = {BreakpointType::kWriteWatch, address, 8};
  row.mechanism = mechanism;
  row.why = std::move(why);
  return row;
}

}  // namespace

TEST_CASE("each slow watchpoint is told once, with its reason") {
  WatchNews news;
  Plan plan;
  plan.rows = {row_at(0x1000, Mechanism::kDebugRegister, ""), row_at(0x2000, Mechanism::kPage, "why"),
               row_at(0x3000, Mechanism::kWaiting, "")};
  REQUIRE(news.of(plan) == "watch 0x2000 (8 bytes): by page protection: why\n");
  REQUIRE(news.of(plan).empty());
  plan.rows[1].mechanism = Mechanism::kCompare;
  REQUIRE(news.of(plan) == "watch 0x2000 (8 bytes): by stepping and comparing: why\n");
  news.forget();
  REQUIRE_FALSE(news.of(plan).empty());
}

TEST_CASE("thousands of the same are one line, and another one beside them has its own") {
  WatchNews news;
  Plan plan;
  for (std::uint64_t i = 0; i < 3000; ++i) plan.rows.push_back(row_at(0x10000 + 8 * i, Mechanism::kPage, "many"));
  plan.rows.push_back(row_at(0x8000, Mechanism::kCompare, "its page holds a stack"));
  REQUIRE(news.of(plan) ==
          "3000 watchpoints from 0x10000 to 0x15db8: by page protection: many\n"
          "watch 0x8000 (8 bytes): by stepping and comparing: its page holds a stack\n");
  REQUIRE(news.of(plan).empty());
}
