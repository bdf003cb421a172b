/// ELF without a boot protocol: entered at e_entry in the mode of its class, with a stack and nothing else.

#include <fmt/format.h>

#include <algorithm>

#include "vmm/base/errors.hpp"
#include "vmm/cpu/entry_state.hpp"
#include "vmm/loader/elf.hpp"
#include "vmm/loader/formats.hpp"
#include "vmm/loader/page_tables.hpp"
#include "vmm/memory/layout.hpp"

namespace vmm {
namespace {

constexpr std::uint64_t kPage = 4 * layout::kKiB;
constexpr std::uint64_t kLargePage = 2 * layout::kMiB;
constexpr std::uint64_t kStackSize = 16 * layout::kKiB;

bool canonical(std::uint64_t address) {
  const auto upper = static_cast<std::int64_t>(address) >> 47;
  return upper == 0 || upper == -1;
}

std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) { return (value + unit - 1) / unit * unit; }

void map_link_addresses(PageTables& tables, const ImageSegment& segment) {
  const auto refuse = [&](std::string_view problem) {
    throw LoadError(
        "elf64", "p_vaddr", segment.file_offset,
        fmt::format("the segment linked at {:#x} and loaded at {:#x} {}", segment.link, segment.physical, problem));
  };
  const std::uint64_t within = segment.link % kPage;
  if (within != segment.physical % kPage) refuse("can't be mapped: the two differ within a page");
  if (!canonical(segment.link) || !canonical(segment.link + segment.memory_size - 1)) refuse("is not canonical");
  const std::uint64_t size = round_up(within + segment.memory_size, kPage);
  if (!tables.map(segment.link - within, segment.physical - within, size)) {
    refuse("can't be mapped: its pages hold another segment or the identity map");
  }
}

/// All of RAM, and up to 4 GiB for what is no RAM there (the APIC), at itself; and the segments where they are linked.
std::uint64_t build_page_tables(Placement& placement) {
  PageTables tables(placement);
  const std::uint64_t end = std::max(placement.memory().ram_end(), layout::kAbove4G);
  tables.map(0, 0, round_up(end, kLargePage));
  for (const ImageSegment& segment : placement.image().segments) {
    if (segment.link != segment.physical) map_link_addresses(tables, segment);
  }
  return tables.root();
}

}  // namespace

std::optional<BootImage> parse_plain_elf(FileBytes bytes) {
  if (!is_elf(bytes)) return {};
  const ByteReader file(bytes, "elf");
  const ElfFile elf = parse_elf(file);
  BootImage image = elf_image(file, elf, bytes);
  image.format = elf.is64 ? ImageFormat::kElf64 : ImageFormat::kElf32;
  image.entry_mode = elf.is64 ? EntryMode::kLong64 : EntryMode::kProtected32;
  const std::uint64_t physical = physical_entry(file, elf, image);
  image.entry = elf.is64 ? elf.entry : physical;
  return image;
}

CpuState place_plain_elf(Placement& placement, const CpuState& reset) {
  const BootImage& image = placement.image();
  const std::uint64_t tables = put_boot_tables(placement);
  const std::uint64_t stack = placement.allocate(kStackSize, 16, Placement::Where::kLow, "stack") + kStackSize;
  CpuState state = image.elf64 ? long64_entry(reset, image.entry, build_page_tables(placement), tables)
                               : protected32_entry(reset, static_cast<std::uint32_t>(image.entry), tables);
  // As after a call (System V ABI), so that a C function can be the entry: a return address of 0 is on the stack.
  state.gpr[kRsp] = stack - (image.elf64 ? 8 : 4);
  return state;
}

}  // namespace vmm
