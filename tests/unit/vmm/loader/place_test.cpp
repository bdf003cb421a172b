#include <catch2/catch.hpp>

#include "image_builder.hpp"
#include "vmm/base/errors.hpp"
#include "vmm/cpu/page_walk.hpp"
#include "vmm/cpu/segment.hpp"
#include "vmm/loader/boot_image.hpp"
#include "vmm/loader/cpu_tables.hpp"
#include "vmm/loader/memory_map.hpp"
#include "vmm/memory/layout.hpp"

using namespace vmm;
using namespace vmm::test;
using namespace vmm::layout;
using Catch::Contains;

namespace {

struct Guest {
  GuestMemory memory;
  CpuState state;
  explicit Guest(const Bytes& file, const BootOptions& options = {}, std::uint64_t ram = 64 * kMiB,
                 const std::optional<FormatRequest>& format = std::nullopt)
      : memory(ram), state(place_image(parse_image(file, format), options, memory, {})) {}

  template <typename T = std::uint32_t>
  T at(std::uint64_t address) const {
    const auto value = memory.load<T>(address);
    REQUIRE(value.has_value());
    return *value;
  }
  std::string text_at(std::uint64_t address) const {
    std::string out;
    while (const char c = at<char>(address++)) out += c;
    return out;
  }
  /// Reloading every segment from the GDT gives what is loaded.
  void require_valid_gdt() const {
    for (const auto which : {kCs, kSs, kDs, kEs, kFs, kGs}) {
      REQUIRE(load_segment(state, memory, which, state.segments.at(which).selector) == state.segments.at(which));
    }
  }
};

const Bytes kDisk = text("the initrd");
const Bytes kExtra = text("module two");
BootOptions two_modules() {
  return {.command_line = "quiet",
          .image_name = "kernel.elf",
          .modules = {{kDisk, "initrd.img"}, {kExtra, "extra.bin with arguments"}}};
}

BootOptions with_module(const Bytes& bytes) { return {"", "", {{bytes, "module"}}}; }

std::string refusal(const Bytes& file, const BootOptions& options = {}, std::uint64_t ram = 16 * kMiB) {
  try {
    Guest guest(file, options, ram);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return {};
}

Bytes elf64_at(std::uint64_t physical, std::uint64_t link, std::uint64_t memory_size = 0x1000) {
  return ElfBuilder(true)
      .entry(link)
      .add({.physical = physical, .link = link, .bytes = text("\xf4\xeb\xfd"), .memory_size = memory_size})
      .build();
}

}  // namespace

TEST_CASE("a boot sector starts at 0x7c00 with the disk in DL and harmless vectors") {
  const Guest guest(boot_sector());
  REQUIRE(mode_of(guest.state) == CpuMode::kReal);
  REQUIRE(linear_pc(guest.state) == 0x7c00);
  REQUIRE(guest.state.gpr[kRsp] == 0x7c00);
  REQUIRE(guest.state.gpr[kRdx] == 0x80);
  REQUIRE(guest.at<std::uint16_t>(0x7c00) == 0xf4fa);
  REQUIRE(guest.at<std::uint16_t>(0x7dfe) == 0xaa55);
  REQUIRE(guest.at(0x7e00) == 0);
  for (std::uint32_t vector = 0; vector < 256; ++vector) {
    const auto offset = guest.at<std::uint16_t>(vector * 4);
    const auto segment = guest.at<std::uint16_t>(vector * 4 + 2);
    REQUIRE(guest.at<std::uint8_t>(segment * 16U + offset) == 0xcf);
  }
}

TEST_CASE("a flat image starts at its first byte, its stack out of the way") {
  const Guest high(text("\xf4"), {}, kMinRam, FormatRequest{ImageFormat::kFlat, 0x20005});
  REQUIRE(linear_pc(high.state) == 0x20005);
  REQUIRE(high.state.segments[kCs].selector == 0x2000);
  REQUIRE(high.at<std::uint8_t>(0x20005) == 0xf4);
  REQUIRE(high.state.gpr[kRsp] == 0x7c00);
  const Guest low(text("\xf4\x90"), {}, kMinRam, FormatRequest{ImageFormat::kFlat, 0});
  REQUIRE(low.at<std::uint16_t>(0) == 0x90f4);
  REQUIRE(low.state.segments[kSs].base + low.state.gpr[kRsp] == kEbda);
}

TEST_CASE("the multiboot information block") {
  const Guest guest(multiboot_elf(false).build(), two_modules());
  REQUIRE(guest.state.gpr[kRax] == 0x2badb002);
  REQUIRE(linear_pc(guest.state) == 0x100010);
  REQUIRE(mode_of(guest.state) == CpuMode::kProtected32);
  REQUIRE(guest.state.cr0 == 0x31);
  REQUIRE((guest.state.rflags & (kRflagsIf | kRflagsVm)) == 0);
  guest.require_valid_gdt();
  REQUIRE(guest.at(0x100000) == 0x1badb002);

  const std::uint64_t info = guest.state.gpr[kRbx];
  REQUIRE(guest.at(info) == 0x24d);
  REQUIRE(guest.at(info + 4) == 639);
  REQUIRE(guest.at(info + 8) == 63 * 1024);
  REQUIRE(guest.text_at(guest.at(info + 16)) == "kernel.elf quiet");
  REQUIRE(guest.text_at(guest.at(info + 64)) == "gdbvm");

  REQUIRE(guest.at(info + 20) == 2);
  const std::uint64_t modules = guest.at(info + 24);
  const std::uint64_t first = guest.at(modules);
  const std::uint64_t second = guest.at(modules + 16);
  REQUIRE(first >= 0x103000);
  REQUIRE(first % 4096 == 0);
  REQUIRE(second > first);
  REQUIRE(guest.at(modules + 4) == first + kDisk.size());
  REQUIRE(guest.text_at(first) == "the initrd");
  REQUIRE(guest.text_at(second) == "module two");
  REQUIRE(guest.text_at(guest.at(modules + 8)) == "initrd.img");
  REQUIRE(guest.text_at(guest.at(modules + 24)) == "extra.bin with arguments");

  const std::uint64_t map = guest.at(info + 48);
  REQUIRE(guest.at(info + 44) == 4 * 24);
  REQUIRE(guest.at(map) == 20);
  REQUIRE(guest.at<std::uint64_t>(map + 12) == kEbda);
  REQUIRE(guest.at<std::uint64_t>(map + 3 * 24 + 4) == kMiB);
  REQUIRE(guest.at<std::uint64_t>(map + 3 * 24 + 12) == 63 * kMiB);
  REQUIRE(guest.at(map + 3 * 24 + 20) == 1);
}

TEST_CASE("a multiboot kernel that asks for a video mode is told of the text buffer") {
  const Guest guest(multiboot_elf(false, 7).build());
  const std::uint64_t info = guest.state.gpr[kRbx];
  REQUIRE((guest.at(info) & 1U << 12) != 0);
  REQUIRE(guest.at<std::uint64_t>(info + 88) == 0xb8000);
  REQUIRE(guest.at(info + 100) == 80);
  REQUIRE(guest.at<std::uint8_t>(info + 109) == 2);
}

TEST_CASE("the PVH start information") {
  const Guest guest(pvh_elf().build(), two_modules(), 5 * kGiB);
  REQUIRE(linear_pc(guest.state) == 0x100020);
  guest.require_valid_gdt();
  const std::uint64_t info = guest.state.gpr[kRbx];
  REQUIRE(guest.at(info) == 0x336ec578);
  REQUIRE(guest.at(info + 4) == 1);
  REQUIRE(guest.at(info + 12) == 2);
  REQUIRE(guest.at<std::uint64_t>(info + 32) == kRsdp);
  REQUIRE(guest.text_at(guest.at<std::uint64_t>(info + 24)) == "quiet");
  const auto modules = guest.at<std::uint64_t>(info + 16);
  const auto first = guest.at<std::uint64_t>(modules);
  REQUIRE(first == kPciHole - 4096);
  REQUIRE(guest.at<std::uint64_t>(modules + 8) == kDisk.size());
  REQUIRE(guest.text_at(first) == "the initrd");
  REQUIRE(guest.text_at(guest.at<std::uint64_t>(modules + 32)) == "module two");

  const auto map = guest.at<std::uint64_t>(info + 40);
  REQUIRE(guest.at(info + 48) == 5);
  REQUIRE(guest.at<std::uint64_t>(map + 3 * 24 + 8) == kPciHole - kMiB);
  REQUIRE(guest.at<std::uint64_t>(map + 4 * 24) == kAbove4G);
  REQUIRE(guest.at<std::uint64_t>(map + 4 * 24 + 8) == 2 * kGiB);
}

TEST_CASE("the zero page of a bzImage") {
  const BootOptions options{.command_line = "quiet", .image_name = "bzImage", .modules = {{kDisk, "initrd.img"}}};
  const Guest guest(bzimage(), options, 5 * kGiB);
  REQUIRE(mode_of(guest.state) == CpuMode::kLong64);
  REQUIRE(linear_pc(guest.state) == 0x200200);
  REQUIRE(guest.at<std::uint8_t>(0x200200) == 0xf4);
  // boot.rst: __BOOT_CS and __BOOT_DS.
  guest.require_valid_gdt();
  REQUIRE(guest.state.segments[kCs].selector == 0x10);
  REQUIRE(guest.state.segments[kDs].selector == 0x18);
  REQUIRE(guest.state.segments[kSs].selector == 0x18);
  for (const std::uint64_t address : {std::uint64_t{0x1000}, kBiosArea, std::uint64_t{0x20ffff}, kAbove4G - 1}) {
    const auto found = walk(guest.state, guest.memory, address);
    REQUIRE(found.has_value());
    REQUIRE(found->physical == address);
  }

  const std::uint64_t page = guest.state.gpr[kRsi];
  REQUIRE(page % 4096 == 0);
  REQUIRE(guest.at(page + 0x202) == 0x53726448);
  REQUIRE(guest.at<std::uint64_t>(page + 0x258) == 0x200000);
  REQUIRE(guest.at<std::uint8_t>(page + 0x210) == 0xff);
  REQUIRE((guest.at<std::uint8_t>(page + 0x211) & 1) == 1);
  REQUIRE(guest.at<std::uint64_t>(page + 0x70) == kRsdp);
  REQUIRE(guest.text_at(guest.at(page + 0x228)) == "quiet");
  // Not beyond what the header allows, though there is memory.
  REQUIRE(guest.at(page + 0x218) == 0x7ffff000);
  REQUIRE(guest.at(page + 0x21c) == kDisk.size());
  REQUIRE(guest.text_at(guest.at(page + 0x218)) == "the initrd");
  REQUIRE(guest.at<std::uint8_t>(page + 0x1e8) == 5);
  REQUIRE(guest.at<std::uint64_t>(page + 0x2d0 + 4 * 20) == kAbove4G);
  REQUIRE(guest.at<std::uint64_t>(page + 0x2d0 + 4 * 20 + 8) == 2 * kGiB);
  REQUIRE(guest.at(page + 0x2d0 + 4 * 20 + 16) == 1);
}

TEST_CASE("a bzImage refuses what its header says it can't take") {
  REQUIRE_THAT(refusal(bzimage(), two_modules()), Contains("one initrd"));
  REQUIRE_THAT(refusal(bzimage(), {.command_line = std::string(0x800, 'x'), .image_name = "", .modules = {}}),
               Contains("2047 characters, --append has 2048"));
  REQUIRE_THAT(refusal(bzimage(0x1000000)), Contains("use -m 17M or more"));
}

TEST_CASE("a plain ELF32 starts with a flat GDT and a stack") {
  const auto file =
      ElfBuilder(false).entry(0xc0100004).add({.physical = 0x100000, .link = 0xc0100000, .bytes = Bytes(16)}).build();
  const Guest guest(file);
  REQUIRE(mode_of(guest.state) == CpuMode::kProtected32);
  REQUIRE(linear_pc(guest.state) == 0x100004);
  guest.require_valid_gdt();
  REQUIRE(guest.memory.contains(guest.state.gpr[kRsp] - 0x3f00, 0x3f00));
}

TEST_CASE("a plain ELF64 starts in long mode with all of RAM and 4 GiB at themselves") {
  const std::uint64_t ram = GENERATE(2 * kMiB, 5 * kGiB);
  const Guest guest(elf64_at(0x100000, 0x100000), {}, ram);
  REQUIRE(mode_of(guest.state) == CpuMode::kLong64);
  REQUIRE(linear_pc(guest.state) == 0x100000);
  guest.require_valid_gdt();
  for (const std::uint64_t address :
       {std::uint64_t{0}, std::uint64_t{0x100000}, guest.memory.ram_end() - 1, std::uint64_t{0xfee00000}}) {
    const auto page = walk(guest.state, guest.memory, address);
    REQUIRE(page.has_value());
    REQUIRE(page->physical == address);
    REQUIRE(page->writable);
  }
}

TEST_CASE("a high-linked ELF64 finds itself where it is linked") {
  const std::uint64_t physical = GENERATE(0x100000, 0x201000, 0x200000);
  const std::uint64_t link = 0xffffffff80000000 + physical;
  const std::uint64_t size = 5 * kMiB + 0x123;
  const Guest guest(elf64_at(physical, link, size));
  REQUIRE(linear_pc(guest.state) == link);
  for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{0x1fffff}, size - 1}) {
    const auto page = walk(guest.state, guest.memory, link + offset);
    REQUIRE(page.has_value());
    REQUIRE(page->physical == physical + offset);
  }
  REQUIRE_FALSE(walk(guest.state, guest.memory, link - 4096).has_value());
  REQUIRE_FALSE(walk(guest.state, guest.memory, link + size + 4096).has_value());
}

TEST_CASE("link addresses that share pages map when they agree") {
  const auto two = [](std::uint64_t second) {
    return ElfBuilder(true)
        .entry(0xffffffff80000000)
        .add({.physical = 0x200000, .link = 0xffffffff80000000, .bytes = Bytes(16), .memory_size = 0x200800})
        .add({.physical = second, .link = 0xffffffff80200800, .bytes = text("data")})
        .build();
  };
  const Guest guest(two(0x400800));
  REQUIRE(walk(guest.state, guest.memory, 0xffffffff80200801)->physical == 0x400801);
  REQUIRE_THAT(refusal(two(0x600800)), Contains("another segment"));
}

TEST_CASE("link addresses that can't be mapped are refused") {
  REQUIRE_THAT(refusal(elf64_at(0x200000, 0x400000)), Contains("identity map"));
  REQUIRE_THAT(refusal(elf64_at(0x200001, 0xffffffff80000000)), Contains("within a page"));
  REQUIRE_THAT(refusal(elf64_at(0x200000, 0x8000000000000000)), Contains("canonical"));
  REQUIRE_THAT(refusal(elf64_at(0xffffffff80000000, 0xffffffff80000000)), Contains("AT()"));
}

TEST_CASE("what does not fit says how much memory it needs") {
  REQUIRE_THAT(refusal(elf64_at(0x1000000, 0x1000000)), Contains("-m 17M"));
  REQUIRE_THAT(refusal(elf64_at(0x100000, 0x100000, 40 * kMiB)), Contains("-m 41M"));
  REQUIRE_THAT(refusal(elf64_at(0x9f000, 0x9f000, 0x2000)), Contains("hole below 1 MiB"));
  REQUIRE_THAT(refusal(elf64_at(0xfee00000, 0xfee00000)), Contains("3 to 4 GiB"));
  REQUIRE_THAT(refusal(elf64_at(0x140000000, 0x140000000)), Contains("-m 4097M"));
  const Bytes large(15 * kMiB);
  REQUIRE_THAT(refusal(multiboot_elf(false).build(), with_module(large)), Contains("-m"));
}

TEST_CASE("formats without a protocol refuse what they can't hand over") {
  const auto file = GENERATE(boot_sector(), elf64_at(0x100000, 0x100000));
  REQUIRE_THAT(refusal(file, {"quiet", "", {}}), Contains("--append"));
  REQUIRE_THAT(refusal(file, with_module(kDisk)), Contains("--initrd"));
}

TEST_CASE("placing again starts from clean memory") {
  GuestMemory memory(4 * kMiB);
  const Bytes file = multiboot_elf(false).build();
  const BootImage image = parse_image(file, std::nullopt);
  const CpuState first = place_image(image, {}, memory, {});
  memory.store(0x102000, 42);
  REQUIRE(place_image(image, {}, memory, {}) == first);
  REQUIRE(memory.load<int>(0x102000) == 0);
}

TEST_CASE("the memory map is ordered and covers RAM") {
  const GuestMemory memory(4 * kGiB);
  const auto map = boot_memory_map(memory);
  std::uint64_t last = 0;
  for (const auto& entry : map) {
    REQUIRE(entry.base >= last);
    REQUIRE(memory.contains(entry.base, entry.size));
    last = entry.base + entry.size;
  }
  REQUIRE(last == 5 * kGiB);
}
