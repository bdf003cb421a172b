#include "vmm/cpu/segment.hpp"

#include <catch2/catch.hpp>

#include "vmm/cpu/entry_state.hpp"
#include "vmm/memory/layout.hpp"

using namespace vmm;

namespace {

constexpr std::uint64_t kTables = 0x1000;

/// A CPU at its 32-bit entry, with room in its GDT for the descriptors of a test.
struct World {
  GuestMemory memory{layout::kMiB};
  CpuState state = protected32_entry({}, 0, kTables);

  World() {
    memory.write(kTables, boot_tables(kTables));
    state.gdt.base = 0x2000;
    state.gdt.limit = 0xff;
  }
  std::uint16_t add(std::uint64_t descriptor, unsigned rpl = 0) {
    const auto selector = static_cast<std::uint16_t>(next_ * 8);
    memory.store(state.gdt.base + next_++ * 8, descriptor);
    return static_cast<std::uint16_t>(selector | rpl);
  }
  std::string refused(SegmentIndex which, std::uint16_t selector) {
    const auto segment = load_segment(state, memory, which, selector);
    REQUIRE_FALSE(segment.has_value());
    return segment.error();
  }
  bool loads(SegmentIndex which, std::uint16_t selector) {
    return load_segment(state, memory, which, selector).has_value();
  }

 private:
  unsigned next_ = 1;
};

constexpr std::uint64_t kData = 0x00cf92000000ffff, kReadOnly = 0x00cf90000000ffff, kCode = 0x00cf9a000000ffff,
                        kExecuteOnly = 0x00cf98000000ffff, kUserData = 0x00cff2000000ffff,
                        kConforming = 0x00cf9e000000ffff;

}  // namespace

TEST_CASE("a descriptor's scattered fields come together") {
  const Segment segment = decode_descriptor(0x12cf92345678abcd, 0x10);
  REQUIRE(segment.base == 0x12345678);
  REQUIRE(segment.limit == 0xfabcdfff);
  REQUIRE(segment.type == 2);
  REQUIRE(segment.code_or_data);
  REQUIRE(segment.present);
  REQUIRE(segment.g);
  REQUIRE(segment.db);
  REQUIRE(decode_descriptor(0x124f92345678abcd, 0).limit == 0xfabcd);
}

TEST_CASE("in real mode a segment is its selector times 16") {
  World world;
  world.state = real_mode_entry({}, 0x7c00);
  const auto segment = load_segment(world.state, world.memory, kDs, 0xb800);
  REQUIRE(segment->base == 0xb8000);
  REQUIRE(segment->selector == 0xb800);
  REQUIRE(segment->limit == 0xffff);
}

TEST_CASE("virtual-8086 segments have their fixed shape") {
  World world;
  world.state.rflags |= kRflagsVm;
  const auto segment = load_segment(world.state, world.memory, kCs, 0x1234);
  REQUIRE(segment->base == 0x12340);
  REQUIRE(segment->dpl == 3);
  REQUIRE(segment->type == 3);
  REQUIRE_FALSE(segment->db);
}

TEST_CASE("protected mode loads from the GDT and sets the accessed bit") {
  World world;
  const auto segment = load_segment(world.state, world.memory, kDs, world.add(kData));
  REQUIRE(segment->limit == 0xffffffff);
  REQUIRE(segment->type == 3);
  REQUIRE(world.loads(kCs, world.add(kCode)));
  REQUIRE(world.loads(kSs, world.add(kData)));
  REQUIRE(world.loads(kEs, world.add(kUserData, 3)));
}

TEST_CASE("a refusal says why") {
  World world;
  using Catch::Contains;
  REQUIRE_THAT(world.refused(kDs, 0x100), Contains("beyond the limit"));
  REQUIRE_THAT(world.refused(kDs, 0xc), Contains("LDT"));
  REQUIRE_THAT(world.refused(kCs, world.add(kData)), Contains("not code"));
  REQUIRE_THAT(world.refused(kSs, world.add(kReadOnly)), Contains("not writable data"));
  REQUIRE_THAT(world.refused(kSs, world.add(kCode)), Contains("not writable data"));
  REQUIRE_THAT(world.refused(kDs, world.add(kExecuteOnly)), Contains("can't be read"));
  REQUIRE_THAT(world.refused(kDs, world.add(kData & ~(1ULL << 47))), Contains("not present"));
  REQUIRE_THAT(world.refused(kDs, world.add(0x00008b0000000067)), Contains("system descriptor"));
  REQUIRE_THAT(world.refused(kSs, world.add(kUserData, 3)), Contains("CPL"));
  REQUIRE_THAT(world.refused(kDs, world.add(kData, 3)), Contains("DPL"));
  REQUIRE_THAT(world.refused(kCs, world.add(kCode, 3)), Contains("RPL"));
  world.state.gdt.base = 0xa0000;
  REQUIRE_THAT(world.refused(kDs, 8), Contains("can't be read"));
}

TEST_CASE("user code loads conforming code of the kernel") {
  World world;
  world.state.segments[kSs].dpl = 3;
  REQUIRE(world.loads(kCs, world.add(kConforming, 3)));
  REQUIRE_FALSE(world.loads(kCs, world.add(kCode, 3)));
  REQUIRE(world.loads(kDs, world.add(kConforming, 3)));
}

TEST_CASE("selectors with TI set come from the LDT") {
  World world;
  world.state.ldt = {.base = 0x3000, .limit = 0xf, .type = 2, .present = true, .code_or_data = false};
  world.memory.store(0x3008, kData);
  REQUIRE(world.loads(kDs, 0xc));
  REQUIRE_FALSE(world.loads(kDs, 0x14));
}

TEST_CASE("null selectors go where the CPU takes them") {
  World world;
  const auto segment = load_segment(world.state, world.memory, kFs, 3);
  REQUIRE(segment->unusable);
  REQUIRE_FALSE(segment->present);
  REQUIRE_FALSE(world.loads(kSs, 0));
  REQUIRE_FALSE(world.loads(kCs, 0));
  world.state.efer = kEferLma;
  world.state.segments[kCs].l = true;
  REQUIRE(world.loads(kSs, 0));
  world.state.segments[kSs].dpl = 3;
  REQUIRE_FALSE(world.loads(kSs, 3));
}

TEST_CASE("64-bit code must not be 32-bit as well") {
  World world;
  world.state.efer = kEferLma;
  world.state.cr0 = kCr0Pe;
  REQUIRE_FALSE(world.loads(kCs, world.add(0x00ef9a000000ffff)));
  REQUIRE(world.loads(kCs, world.add(0x00af9a000000ffff)));
}
