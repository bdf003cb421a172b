#include <catch2/catch.hpp>

#include "image_builder.hpp"
#include "vmm/base/errors.hpp"
#include "vmm/loader/boot_image.hpp"
#include "vmm/memory/layout.hpp"

using namespace vmm;
using namespace vmm::test;
using Catch::Contains;

namespace {

BootImage parse(const Bytes& file) { return parse_image(file, std::nullopt); }
BootImage parse_as(const Bytes& file, const std::string& format) { return parse_image(file, parse_format(format)); }

std::string refusal(const Bytes& file, const std::string& format = "") {
  try {
    format.empty() ? parse(file) : parse_as(file, format);
  } catch (const LoadError& error) {
    return error.what();
  } catch (const HostError& error) {
    return error.what();
  }
  return {};
}

Bytes plain_elf(bool is64) {
  return ElfBuilder(is64)
      .entry(0x200004)
      .add({.physical = 0x200000, .link = 0x200000, .bytes = Bytes(32, std::byte{0x90}), .memory_size = 0x100})
      .symbols()
      .build();
}

}  // namespace

TEST_CASE("format names") {
  REQUIRE(parse_format("flat@0x7c00").flat_address == 0x7c00);
  REQUIRE(parse_format("flat@4096").flat_address == 4096);
  for (const auto* name : {"boot-sector", "multiboot", "pvh", "bzimage", "elf32", "elf64"}) {
    REQUIRE(name_of(parse_format(name).format) == name);
  }
  for (const auto* name : {"", "flat", "flat@", "flat@0x", "flat@12z", "zimage", "flat@99999999999999999999"}) {
    REQUIRE_THROWS_WITH(parse_format(name), Contains("flat@ADDR") && Contains("multiboot"));
  }
}

TEST_CASE("a multiboot ELF of either class is recognised") {
  const bool is64 = GENERATE(false, true);
  const Bytes file = multiboot_elf(is64).symbols().build();
  const BootImage image = parse(file);
  REQUIRE(image.format == ImageFormat::kMultiboot);
  REQUIRE(image.entry_mode == EntryMode::kProtected32);
  REQUIRE(image.entry == 0x100010);
  REQUIRE(image.elf64 == is64);
  REQUIRE(image.has_symbols);
  REQUIRE(image.has_debug_info);
  REQUIRE(image.multiboot_flags == 3);
  REQUIRE(image.segments.size() == 1);
  REQUIRE(image.segments[0].memory_size == 0x3000);
}

TEST_CASE("a multiboot entry in the high half starts where it is loaded") {
  const auto file = ElfBuilder(false)
                        .entry(0xc0100010)
                        .add({.physical = 0x100000, .link = 0xc0100000, .bytes = padded(multiboot_header(0), 64)})
                        .build();
  REQUIRE(parse(file).entry == 0x100010);
}

TEST_CASE("the multiboot header's own addresses are used when bit 16 says so") {
  const Bytes file = multiboot_kludge();
  const BootImage image = parse(file);
  REQUIRE_FALSE(image.elf);
  REQUIRE(image.entry == 0x100040);
  REQUIRE(image.segments[0].physical == 0x100000);
  REQUIRE(image.segments[0].bytes.size() == 0x80);
  REQUIRE(image.segments[0].memory_size == 0x2000);
  REQUIRE(image.segments[0].file_offset == 0);
}

TEST_CASE("multiboot headers that can't be honoured are refused by field") {
  REQUIRE_THAT(refusal(multiboot_elf(false, 0x13).build()), Contains("header.flags") && Contains("0x10"));
  REQUIRE_THAT(refusal(multiboot_header(0)), Contains("must be ELF"));
  const auto kludge = [](std::uint32_t offset, std::uint32_t value) {
    Bytes file = multiboot_kludge();
    patch(file, 16 + offset, value);
    return refusal(file);
  };
  REQUIRE_THAT(kludge(0x10, 0x0ff000), Contains("multiboot: field header.load_addr at offset 0x20"));
  REQUIRE_THAT(kludge(0x10, 0x100011), Contains("header.load_addr"));
  REQUIRE_THAT(kludge(0x14, 0x100000), Contains("header.load_end_addr"));
  REQUIRE_THAT(kludge(0x14, 0xffffffff), Contains("header.load_end_addr"));
  REQUIRE_THAT(kludge(0x18, 0x10007f), Contains("header.bss_end_addr"));
  REQUIRE_THAT(kludge(0x1c, 0x102000), Contains("header.entry_addr"));
}

TEST_CASE("a header with a wrong checksum, unaligned or too late is none") {
  Bytes file = multiboot_elf(false).build();
  const std::size_t header = file.size() - 64;
  REQUIRE(parse(file).format == ImageFormat::kMultiboot);
  patch<std::uint32_t>(file, header + 8, 0);
  REQUIRE(parse(file).format == ImageFormat::kElf32);
  REQUIRE_THAT(refusal(file, "multiboot"), Contains("no valid multiboot 1 header"));
  Bytes late(8184);
  const Bytes bytes = multiboot_header(0);
  late.insert(late.end(), bytes.begin(), bytes.end());
  REQUIRE_THAT(refusal(late), Contains("none of multiboot"));
}

TEST_CASE("a PVH note gives the 32-bit entry") {
  const Bytes file = pvh_elf().build();
  const BootImage image = parse(file);
  REQUIRE(image.format == ImageFormat::kPvh);
  REQUIRE(image.entry == 0x100020);
  REQUIRE(image.entry_mode == EntryMode::kProtected32);
  REQUIRE(parse_as(file, "elf").format == ImageFormat::kElf64);
}

TEST_CASE("PVH notes that make no sense are refused") {
  const auto with_note = [](const Bytes& note) {
    return refusal(ElfBuilder(true)
                       .add({.physical = 0x100000, .link = 0x100000, .bytes = Bytes(64)})
                       .entry(0x100000)
                       .add({.type = 4, .bytes = note})
                       .build());
  };
  REQUIRE_THAT(with_note(xen_note(18, 0x200000, 4)), Contains("pvh") && Contains("in no segment"));
  REQUIRE_THAT(with_note(xen_note(18, 0x1000, 2)), Contains("neither 4 nor 8"));
  Bytes note = xen_note(18, 0x100000, 4);
  patch<std::uint32_t>(note, 0, 0xffffffff);
  REQUIRE_THAT(with_note(note), Contains("n_namesz"));
}

TEST_CASE("a bzImage is its kernel, entered behind the 32-bit entry, where it prefers to be") {
  const Bytes file = bzimage();
  const BootImage image = parse(file);
  REQUIRE(image.format == ImageFormat::kBzImage);
  REQUIRE(name_of(image.format) == "bzimage");
  REQUIRE(image.entry_mode == EntryMode::kLong64);
  REQUIRE(image.entry == 0x200200);
  REQUIRE(image.segments.size() == 1);
  REQUIRE(image.segments[0].physical == 0x200000);
  REQUIRE(image.segments[0].file_offset == 1024);
  REQUIRE(image.segments[0].bytes.size() == 0x240);
  REQUIRE(image.segments[0].memory_size == 0x10000);
  REQUIRE(image.header.size() == 0x26c);
  REQUIRE(image.about == "Linux 6.1-test, boot protocol 2.15");
}

TEST_CASE("a bzImage that can't be entered in 64 bits, or lies, is refused by field") {
  const auto field_of = [](auto change) {
    Bytes file = bzimage();
    change(file);
    try {
      parse(file);
    } catch (const LoadError& error) {
      return error.field;
    }
    return std::string();
  };
  REQUIRE(field_of([](Bytes& file) { patch<std::uint16_t>(file, 0x206, 0x20b); }) == "version");
  REQUIRE(field_of([](Bytes& file) { patch<std::uint16_t>(file, 0x236, 0x3e); }) == "xloadflags");
  REQUIRE(field_of([](Bytes& file) { patch<std::uint32_t>(file, 0x1f4, 0x25); }) == "syssize");
  REQUIRE(field_of([](Bytes& file) { patch<std::uint32_t>(file, 0x1f4, 0x20); }) == "syssize");
  REQUIRE(field_of([](Bytes& file) { patch<std::uint8_t>(file, 0x1f1, 0); }) == "syssize");
  REQUIRE(field_of([](Bytes& file) { patch<std::uint32_t>(file, 0x260, 0x23f); }) == "init_size");
  REQUIRE(field_of([](Bytes& file) { patch<std::uint8_t>(file, 0x201, 0x20); }) == "jump");
  REQUIRE(field_of([](Bytes& file) { patch<std::uint64_t>(file, 0x258, 0x10000); }) == "pref_address");
  REQUIRE(field_of([](Bytes& file) { patch<std::uint64_t>(file, 0x258, ~0ULL << 12); }) == "pref_address");
  REQUIRE(field_of([](Bytes& file) { patch<std::uint8_t>(file, 0x202, 0); }) == "");  // a boot sector
}

TEST_CASE("a plain ELF is entered in the mode of its class") {
  const bool is64 = GENERATE(false, true);
  const Bytes file = plain_elf(is64);
  const BootImage image = parse(file);
  REQUIRE(image.format == (is64 ? ImageFormat::kElf64 : ImageFormat::kElf32));
  REQUIRE(image.entry_mode == (is64 ? EntryMode::kLong64 : EntryMode::kProtected32));
  REQUIRE(image.entry == 0x200004);
  REQUIRE(image.elf64 == is64);
  REQUIRE(image.has_symbols);
  REQUIRE(image.has_debug_info);
}

TEST_CASE("ELF files that are not for this machine are refused by field") {
  const auto changed = [](std::size_t offset, std::uint16_t value) {
    Bytes file = plain_elf(true);
    patch(file, offset, value);
    return refusal(file);
  };
  REQUIRE_THAT(changed(4, 0x0103), Contains("elf: field e_ident[EI_CLASS] at offset 0x4"));
  REQUIRE_THAT(changed(4, 0x0202), Contains("e_ident[EI_DATA]"));
  REQUIRE_THAT(changed(ElfBuilder::kMachine, 183), Contains("e_machine") && Contains("183"));
  REQUIRE_THAT(changed(ElfBuilder::kType, 3), Contains("position-independent"));
  REQUIRE_THAT(changed(ElfBuilder::kType, 1), Contains("e_type"));
  REQUIRE_THAT(changed(54, 8), Contains("e_phentsize"));
  REQUIRE_THAT(changed(56, 0xffff), Contains("e_phnum"));
  REQUIRE_THAT(changed(56, 0), Contains("nothing to load"));
  REQUIRE_THAT(changed(24, 0x9999), Contains("e_entry"));
}

TEST_CASE("segments that overlap, wrap or lie are refused") {
  const Bytes code(32);
  const auto two = [&](std::uint64_t second) {
    return refusal(ElfBuilder(true)
                       .entry(0x1000)
                       .add({.physical = second, .link = second, .bytes = code})
                       .add({.physical = 0x1000, .link = 0x1000, .bytes = code})
                       .build());
  };
  REQUIRE(two(0x1020).empty());
  REQUIRE_THAT(two(0x101f), Contains("overlaps"));
  const auto sized = [&](std::uint64_t link, std::uint64_t memory_size) {
    return refusal(ElfBuilder(true)
                       .entry(link)
                       .add({.physical = 0x1000, .link = link, .bytes = code, .memory_size = memory_size})
                       .build());
  };
  REQUIRE_THAT(sized(0x1000, 8), Contains("p_filesz"));
  REQUIRE_THAT(sized(0x1000, ~0ULL), Contains("p_memsz"));
  REQUIRE_THAT(sized(~0ULL - 8, 32), Contains("p_memsz"));
}

TEST_CASE("damaged section headers only cost the symbols") {
  const bool is64 = GENERATE(false, true);
  const Bytes file = plain_elf(is64);
  for (std::uint32_t value : {1U, 0x100U, 0x7fffffffU, 0xffffffffU}) {
    Bytes damaged = file;
    patch(damaged, is64 ? 40 : 32, value);
    const BootImage image = parse(damaged);
    REQUIRE_FALSE(image.has_debug_info);
  }
}

TEST_CASE("a boot sector is its first 512 bytes") {
  const Bytes file = boot_sector();
  const BootImage image = parse(file);
  REQUIRE(image.format == ImageFormat::kBootSector);
  REQUIRE(image.entry == 0x7c00);
  REQUIRE(image.segments[0].bytes.size() == 512);
  Bytes linux_kernel = file;
  patch<std::uint32_t>(linux_kernel, 0x202, 0x53726448);
  REQUIRE_THAT(refusal(linux_kernel), Contains("boot protocol"));
  REQUIRE_THROWS_WITH(parse_as(linux_kernel, "boot-sector"), Contains("--format bzimage"));
}

TEST_CASE("unknown bytes need a format, and a flat image must be below 1 MiB") {
  const Bytes file(100);
  REQUIRE_THAT(refusal(file), Contains("--format flat@ADDR"));
  REQUIRE_THAT(refusal({}), Contains("--format flat@ADDR"));
  REQUIRE(parse_as(file, "flat@0xfff9c").entry == 0xfff9c);
  REQUIRE_THAT(refusal(file, "flat@0xfff9d"), Contains("1 MiB"));
  REQUIRE_THAT(refusal(file, "flat@0xffffffffffffffff"), Contains("1 MiB"));
  for (const auto* format : {"multiboot", "pvh", "elf", "boot-sector"}) {
    REQUIRE_THAT(refusal(file, format), Contains(format));
  }
}

TEST_CASE("an image cut anywhere parses or is refused, and what parses places or is refused") {
  GuestMemory memory(4 * layout::kMiB);
  const std::vector<Bytes> files = {multiboot_elf(false).symbols().build(),
                                    multiboot_elf(true).symbols().build(),
                                    multiboot_kludge(),
                                    pvh_elf().symbols().build(),
                                    plain_elf(false),
                                    plain_elf(true),
                                    bzimage(),
                                    boot_sector()};
  for (const Bytes& file : files) {
    for (std::size_t size = 0; size <= file.size(); ++size) {
      const Bytes cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size));
      try {
        place_image(parse(cut), {}, memory, {});
      } catch (const LoadError& error) {
        REQUIRE_FALSE(error.field.empty());
      } catch (const HostError&) {
      }
    }
    REQUIRE_NOTHROW(place_image(parse(file), {}, memory, {}));
  }
}
