#include <catch2/catch.hpp>

#include "image_builder.hpp"
#include "vmm/base/errors.hpp"
#include "vmm/cpu/segment.hpp"
#include "vmm/loader/boot_image.hpp"
#include "vmm/loader/memory_map.hpp"
#include "vmm/memory/layout.hpp"

using namespace vmm;
using namespace vmm::test;
using namespace vmm::layout;
using Catch::Contains;

namespace {

Bytes rom_of(std::size_t size) {
  Bytes rom(size);
  patch<std::uint32_t>(rom, size - 16, 0xfee1dead);
  return rom;
}

}  // namespace

TEST_CASE("firmware lies below 4 GiB and below 1 MiB, and the CPU comes out of reset") {
  const Bytes rom = rom_of(128 * kKiB);
  const BootImage image = firmware_image(rom);
  REQUIRE(rom_size(image) == rom.size());
  GuestMemory memory(16 * kMiB, rom_size(image));
  const CpuState state = place_image(image, {}, memory, {});
  REQUIRE(mode_of(state) == CpuMode::kReal);
  REQUIRE(linear_pc(state) == 0xfffffff0);
  REQUIRE(state.segments[kCs].selector == 0xf000);
  REQUIRE(state.rip == 0xfff0);
  REQUIRE(memory.load<std::uint32_t>(0xfffffff0) == 0xfee1dead);
  REQUIRE(memory.load<std::uint32_t>(0xffff0) == 0xfee1dead);
  REQUIRE(memory.load<std::uint32_t>(0) == 0);  // the interrupt vectors are the firmware's to write
  for (const MemoryMapEntry& entry : boot_memory_map(memory)) {
    REQUIRE(entry.base + entry.size <= memory.ram_end());
  }
}

TEST_CASE("what can't be a PC's ROM is refused") {
  for (const std::size_t size : {std::size_t{0}, std::size_t{512}, 64 * kKiB + 1, 320 * kKiB}) {
    REQUIRE_THROWS_WITH(firmware_image(Bytes(size)), Contains("64, 128, 192 or 256 KiB"));
  }
  const Bytes rom = rom_of(64 * kKiB);
  GuestMemory memory(16 * kMiB, 64 * kKiB);
  REQUIRE_THROWS_WITH(
      place_image(firmware_image(rom), {.command_line = "quiet", .image_name = "", .modules = {}}, memory, {}),
      Contains("--append"));
  REQUIRE_THROWS_AS(parse_format("firmware"), HostError);
}
