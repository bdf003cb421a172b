// `monitor catch`: what may be caught, why not, and what is said when it happens.
#include "vmm/debug/catchpoints.hpp"

#include <array>
#include <catch2/catch.hpp>

#include "vmm/cpu/entry_state.hpp"
#include "vmm/memory/layout.hpp"

using namespace vmm;
using Kind = Catchpoint::Kind;

namespace {

using Words = std::vector<std::string>;

std::string added(Catchpoints& catchpoints, const Words& words) {
  const auto said = catchpoints.add(words);
  REQUIRE(said);
  return *said;
}
std::string refusal(Catchpoints& catchpoints, const Words& words) {
  const auto said = catchpoints.add(words);
  REQUIRE_FALSE(said);
  REQUIRE(catchpoints.rows().empty());
  return said.error().text;
}

Catchpoint& row_of(Catchpoint& row, Kind kind, std::uint64_t value) {
  row.number = 3;
  row.kind = kind;
  row.value = value;
  return row;
}

}  // namespace

TEST_CASE("each kind is told by its name and number") {
  Catchpoints catchpoints;
  REQUIRE(added(catchpoints, {"exception", "14"}) == "catchpoint 1: exception 14 (#PF)\n");
  REQUIRE(added(catchpoints, {"exception", "0x9"}) == "catchpoint 2: exception 9\n");
  REQUIRE(added(catchpoints, {"exception", "31"}) == "catchpoint 3: exception 31\n");
  REQUIRE(added(catchpoints, {"triple-fault"}) == "catchpoint 4: triple fault\n");
  REQUIRE(added(catchpoints, {"reset"}) == "catchpoint 5: reset\n");
  REQUIRE(added(catchpoints, {"cr3"}) == "catchpoint 6: cr3\n");
  REQUIRE(added(catchpoints, {"msr", "0xC0000082"}) == "catchpoint 7: msr 0xc0000082\n");
  REQUIRE(added(catchpoints, {"io", "1016"}) == "catchpoint 8: io port 0x3f8\n");
  REQUIRE(added(catchpoints, {"mmio", "0xd0000000"}) == "catchpoint 9: mmio 0xd0000000\n");
  REQUIRE(added(catchpoints, {"hypercall"}) == "catchpoint 10: hypercall\n");
  const std::vector<Kind> kinds{Kind::kException, Kind::kException, Kind::kException, Kind::kTripleFault,
                                Kind::kReset,     Kind::kCr3,       Kind::kMsr,       Kind::kPort,
                                Kind::kMmio,      Kind::kHypercall};
  REQUIRE(catchpoints.rows().size() == kinds.size());
  for (std::size_t i = 0; i < kinds.size(); ++i) REQUIRE(catchpoints.rows()[i]->kind == kinds[i]);
}

TEST_CASE("the same again is the same catchpoint; numbers are never used twice") {
  Catchpoints catchpoints;
  added(catchpoints, {"io", "0x3f8"});
  REQUIRE(added(catchpoints, {"io", "1016"}) == "catchpoint 1: io port 0x3f8\n");
  REQUIRE(catchpoints.rows().size() == 1);
  REQUIRE(catchpoints.remove("1") == "catchpoint 1 (io port 0x3f8) removed\n");
  REQUIRE(added(catchpoints, {"io", "0x3f8"}) == "catchpoint 2: io port 0x3f8\n");
  catchpoints.clear();
  REQUIRE(added(catchpoints, {"cr3"}) == "catchpoint 3: cr3\n");
}

TEST_CASE("what is wrong with the words is said") {
  struct Row {
    Words words;
    std::string said;
  };
  const std::vector<Row> rows{
      {{}, "`catch` takes one of: exception, triple-fault, reset, cr3, msr, io, mmio, hypercall"},
      {{"signal"}, "cannot catch `signal`, only: exception, triple-fault"},
      {{"Reset"}, "cannot catch `Reset`"},
      {{"exception"}, "`catch exception` takes a vector from 0 to 31"},
      {{"exception", "32"}, "`catch exception` takes a vector from 0 to 31, not `32`"},
      {{"exception", "-1"}, "not `-1`"},
      {{"exception", "#PF"}, "not `#PF`"},
      {{"exception", "1", "2"}, "`catch exception` takes a vector from 0 to 31"},
      {{"reset", "now"}, "`catch reset` takes nothing more"},
      {{"io", "0x10000"}, "takes a port from 0 to 0xffff, not `0x10000`"},
      {{"io", "0x"}, "not `0x`"},
      {{"msr", "0x100000000"}, "takes an MSR's number, not `0x100000000`"},
      {{"mmio", "0x10000000000000000"}, "takes a guest-physical address, not `0x10000000000000000`"},
      {{"mmio", "1 "}, "not `1 `"},
  };
  Catchpoints catchpoints;
  for (const Row& row : rows) REQUIRE_THAT(refusal(catchpoints, row.words), Catch::Contains(row.said));
}

TEST_CASE("devices inside KVM are refused by name, their neighbours not") {
  struct Row {
    std::string kind, first, last, name, behind;
  };
  const std::vector<Row> rows{
      {"io", "0x20", "0x21", "the PIC", "0x22"},
      {"io", "0xa0", "0xa1", "the PIC", "0x9f"},
      {"io", "0x4d0", "0x4d1", "the PIC", "0x4d2"},
      {"io", "0x40", "0x43", "the PIT", "0x44"},
      {"io", "0x61", "0x61", "the PIT", "0x60"},
      {"mmio", "0xfec00000", "0xfec000ff", "the I/O APIC", "0xfec00100"},
      {"mmio", "0xfee00000", "0xfee00fff", "the local APIC", "0xfee01000"},
      {"msr", "0x800", "0x8ff", "the x2APIC", "0x7ff"},
  };
  for (const Row& row : rows) {
    Catchpoints catchpoints;
    for (const std::string& value : {row.first, row.last}) {
      REQUIRE(refusal(catchpoints, {row.kind, value}) == row.name + " is inside KVM, which shows nobody its accesses");
    }
    REQUIRE(catchpoints.add(Words{row.kind, row.behind}));
  }
}

TEST_CASE("the list counts hits; what is not there can't be removed") {
  Catchpoints catchpoints;
  REQUIRE(catchpoints.list() == "no catchpoints\n");
  added(catchpoints, {"exception", "3"});
  added(catchpoints, {"reset"});
  const CpuState state = real_mode_entry({}, 0x1000);
  tell(*catchpoints.rows()[1], state);
  tell(*catchpoints.rows()[1], state);
  REQUIRE(catchpoints.list() == "1   exception 3 (#BP), hit 0 times\n2   reset, hit 2 times\n");
  for (const std::string which : {"3", "", "x", "1x"}) {
    const auto refused = catchpoints.remove(which);
    REQUIRE_FALSE(refused);
    REQUIRE(refused.error().text == "no catchpoint " + which + ": see `monitor info catch`");
  }
  REQUIRE(catchpoints.remove("0x2"));
  REQUIRE(catchpoints.list() == "1   exception 3 (#BP), hit 0 times\n");
  REQUIRE(catchpoints.remove("all") == "no catchpoints\n");
  REQUIRE(catchpoints.rows().empty());
}

TEST_CASE("a stop says which, what and where") {
  Catchpoint row;
  const CpuState state = real_mode_entry({}, 0x1000);
  REQUIRE(tell(row_of(row, Kind::kTripleFault, 0), state) == "catchpoint 3: triple fault at 0x1000\n");
  REQUIRE(tell(row_of(row, Kind::kCr3, 0), state, "0x1000 -> 0x2000") ==
          "catchpoint 3: cr3 at 0x1000: 0x1000 -> 0x2000\n");
  REQUIRE(row.hits == 2);
}

TEST_CASE("an access says its value, and the one seen before") {
  using Space = WatchedAccess::Space;
  const CpuState state = real_mode_entry({}, 0x1000);
  Catchpoint port;
  row_of(port, Kind::kPort, 0x3f8);
  WatchedAccess access{.space = Space::kPort, .write = true, .address = 0x3f8, .size = 1, .value = 0x41};
  REQUIRE(tell(port, state, access) == "catchpoint 3: io port 0x3f8 written at 0x1000, 1 byte: unknown -> 0x41\n");
  access.value = 0x4142;
  access.size = 2;
  REQUIRE(tell(port, state, access) == "catchpoint 3: io port 0x3f8 written at 0x1000, 2 bytes: 0x41 -> 0x4142\n");
  access.write = false;
  access.value = 0x60;
  REQUIRE(tell(port, state, access) == "catchpoint 3: io port 0x3f8 read at 0x1000, 2 bytes: 0x60\n");
  access.write = true;
  REQUIRE_THAT(tell(port, state, access), Catch::Contains("0x60 -> 0x60"));
  REQUIRE(port.hits == 4);

  Catchpoint msr;
  row_of(msr, Kind::kMsr, 0x10);
  access = {.space = Space::kMsr, .write = true, .address = 0x10, .size = 1, .value = 7, .before = 5};
  REQUIRE(tell(msr, state, access) == "catchpoint 3: msr 0x10 written at 0x1000: 0x5 -> 0x7\n");
  access.before = 9;  // the MSR counts by itself
  REQUIRE_THAT(tell(msr, state, access), Catch::Contains("0x9 -> 0x7"));
}

TEST_CASE("an exception says where it came from, its error code, and a page fault its address") {
  GuestMemory memory(layout::kMinRam);
  CpuState state = protected32_entry({}, 0x1000, 0x5000);
  state.gpr[kRsp] = 0x7000;
  state.cr2 = 0xdead;
  memory.store(0x7000, std::array<std::uint32_t, 3>{2, 0x1234, 8});
  Catchpoint row;
  REQUIRE(tell_exception(row_of(row, Kind::kException, 14), state, memory) ==
          "catchpoint 3: exception 14 (#PF) at 0x1234: error code 0x2, CR2 0xdead\n");
  REQUIRE(tell_exception(row_of(row, Kind::kException, 13), state, memory) ==
          "catchpoint 3: exception 13 (#GP) at 0x1234: error code 0x2\n");
  REQUIRE(tell_exception(row_of(row, Kind::kException, 0), state, memory) ==
          "catchpoint 3: exception 0 (#DE) at 0x2\n");
  state.gpr[kRsp] = 0x80000000;
  REQUIRE(tell_exception(row, state, memory) == "catchpoint 3: exception 0 (#DE), handler at 0x1000\n");
  REQUIRE(row.hits == 4);
  CpuState real = real_mode_entry({}, 0x1000);
  real.gpr[kRsp] = 0x7100;
  memory.store(0x7100, std::array<std::uint16_t, 3>{0x10, 0x2000, 0x202});
  REQUIRE(tell_exception(row_of(row, Kind::kException, 6), real, memory) ==
          "catchpoint 3: exception 6 (#UD) at 0x20010\n");
}
