// The plan's own answers: what changed, what counts where, and how a mechanism is told.
#include "vmm/debug/plan.hpp"

#include <catch2/catch.hpp>

#include "vmm/memory/layout.hpp"

using namespace vmm;
using gdb::BreakpointType;
using Mechanism = Breakpoint::Mechanism;

namespace {

Breakpoint row_of(BreakpointType type, std::uint64_t address, std::vector<LinearPiece> pieces = {}) {
  Breakpoint row;
  row.spec = {type, address, 1};
  row.pieces = std::move(pieces);
  return row;
}

}  // namespace

TEST_CASE("each change of watched bytes is told once, of its row, across pieces") {
  GuestMemory memory(layout::kMinRam);
  const std::vector<Breakpoint> rows{row_of(BreakpointType::kWriteWatch, 1),
                                     row_of(BreakpointType::kWriteWatch, 2, {{0x1ffe, 2}, {0x5000, 2}}),
                                     row_of(BreakpointType::kWriteWatch, 3, {{0x5001, 8}})};
  PlantedBytes planted(memory);
  WatchedValues values(memory, planted, rows);
  REQUIRE_FALSE(values.changed(rows));
  memory.store<std::uint8_t>(0x5002, 1);
  REQUIRE(values.changed(rows) == 2);
  REQUIRE_FALSE(values.changed(rows));
  memory.store<std::uint8_t>(0x5001, 1);  // of both
  REQUIRE(values.changed(rows) == 1);
  REQUIRE_FALSE(values.changed(rows, 1));
  REQUIRE(values.changed(rows) == 2);
  memory.store<std::uint8_t>(0x5001, 1);
  memory.store<std::uint8_t>(0x1ffd, 1);
  REQUIRE_FALSE(values.changed(rows));
  planted.plant(0x5002, std::byte{0xcc});
  REQUIRE_FALSE(values.changed(rows));
  planted.write_under(0x5002, std::array{std::byte{2}});
  REQUIRE(values.changed(rows) == 2);
}

TEST_CASE("a shared register is asked only for what changed, one of its own is always hit") {
  GuestMemory memory(layout::kMinRam);
  PlantedBytes planted(memory);
  Plan plan;
  plan.rows = {row_of(BreakpointType::kHardware, 0x2000), row_of(BreakpointType::kWriteWatch, 0x2000, {{0x2000, 1}}),
               row_of(BreakpointType::kWriteWatch, 0x2001, {{0x2001, 1}})};
  plan.values = std::make_shared<WatchedValues>(memory, planted, plan.rows);
  plan.owners = {{{0}, {1, 2}, {2}, {}}};
  plan.compared = {false, true, false, false};
  REQUIRE(plan.watch_of_register(0) == nullptr);
  REQUIRE(plan.watch_of_register(1) == nullptr);
  REQUIRE(plan.watch_of_register(2) == &plan.rows[2]);
  REQUIRE(plan.watch_of_register(3) == nullptr);
  memory.store<std::uint8_t>(0x2001, 7);
  REQUIRE(plan.watch_of_register(1) == &plan.rows[2]);
}

TEST_CASE("the filter is for the lower half, whatever the flags of CR3") {
  Plan plan;
  REQUIRE(plan.counts_in(0x1000, 0x5000));
  plan.cr3_filter = 0x5000;
  REQUIRE(plan.counts_in(0x1000, 0x5018));
  REQUIRE_FALSE(plan.counts_in(0x1000, 0x6000));
  REQUIRE(plan.counts_in(0xffff800000001000, 0x6000));
}

TEST_CASE("watchpoints and caught handlers are no breakpoints, though they have an address") {
  Plan plan;
  plan.rows = {row_of(BreakpointType::kWriteWatch, 0x1000), row_of(BreakpointType::kSoftware, 0x1000),
               row_of(BreakpointType::kSoftware, 0x2000)};
  plan.rows[2].catchpoint = std::make_shared<Catchpoint>();
  REQUIRE(plan.at(0x1000) == &plan.rows[1]);
  REQUIRE(plan.caught_at(0x1000) == nullptr);
  REQUIRE(plan.at(0x2000) == nullptr);
  REQUIRE(plan.caught_at(0x2000) == &plan.rows[2]);
}

TEST_CASE("only what lies in memory is planted") {
  Plan plan;
  plan.rows = {row_of(BreakpointType::kSoftware, 0x1000)};
  plan.rows[0].places = {{.physical = 0x3000}, {.physical = 0x4000}};
  plan.rows[0].mechanism = Mechanism::kCompare;
  REQUIRE_FALSE(plan.plants(0x4000));
  REQUIRE_FALSE(plan.any_in_memory());
  plan.rows[0].mechanism = Mechanism::kMemory;
  REQUIRE(plan.plants(0x4000));
  REQUIRE_FALSE(plan.plants(0x4001));
  REQUIRE(plan.any_in_memory());
}

TEST_CASE("a step arms the data watchpoints alone") {
  Plan plan;
  plan.registers[1] = kvm::DebugRegister{.address = 0x1000};
  plan.registers[2] = kvm::DebugRegister{kvm::DebugRegister::Kind::kWrite, 4, 0x2000};
  const Plan::Registers watches = plan.watch_registers();
  REQUIRE_FALSE(watches[1]);
  REQUIRE(watches[2] == plan.registers[2]);
}

TEST_CASE("a mechanism in words") {
  Breakpoint row;
  REQUIRE(describe(row) == "waiting to be mapped");
  row.mechanism = Mechanism::kDebugRegister;
  REQUIRE(describe(row) == "debug register");
  row.mechanism = Mechanism::kPage;
  REQUIRE(describe(row) == "page protection");
  row.mechanism = Mechanism::kCompare;
  REQUIRE(describe(row) == "stepping and comparing");
  row.mechanism = Mechanism::kMemory;
  row.trap = std::byte{0xcc};
  row.places = {{.physical = 0x1000}, {.physical = 0x2000, .promised = true}};
  REQUIRE(describe(row) == "byte cc at guest-physical 0x1000 0x2000 (where the image says it will be mapped)");
}
