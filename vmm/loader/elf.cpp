#include "vmm/loader/elf.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <string_view>

#include "vmm/base/errors.hpp"

namespace vmm {
namespace {

/// Where fields are in the two classes.
struct ClassLayout {
  std::uint64_t phoff, shoff, phentsize, phnum, shentsize, shnum, shstrndx;               // Elf_Ehdr
  std::uint64_t p_size, p_flags, p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align;  // Elf_Phdr
  std::uint64_t s_size, sh_offset, sh_size, sh_link;                                      // Elf_Shdr
};
constexpr ClassLayout kElf32Layout = {28, 32, 42, 44, 46, 48, 50, 32, 24, 4, 8, 12, 16, 20, 28, 40, 16, 20, 24};
constexpr ClassLayout kElf64Layout = {32, 40, 54, 56, 58, 60, 62, 56, 4, 8, 16, 24, 32, 40, 48, 64, 24, 32, 40};

constexpr std::uint64_t kClass = 4, kData = 5, kType = 16, kMachine = 18, kEntry = 24;  // Elf_Ehdr, both classes
constexpr std::uint16_t kExec = 2, kDyn = 3, k386 = 3, kX86_64 = 62;
constexpr std::uint32_t kFlagExecute = 1, kFlagWrite = 2;
constexpr std::uint32_t kSectionSymbols = 2;
constexpr std::uint16_t kIndexElsewhere = 0xffff;
// Real images have a dozen; the limit keeps a hostile one from costing time.
constexpr std::uint16_t kMaxHeaders = 1024;

const ClassLayout& layout_of(bool is64) { return is64 ? kElf64Layout : kElf32Layout; }

std::uint64_t load_word(const ByteReader& file, bool is64, std::uint64_t offset, std::string_view field) {
  return is64 ? file.load<std::uint64_t>(offset, field) : file.load<std::uint32_t>(offset, field);
}

ElfProgramHeader parse_header(const ByteReader& file, bool is64, std::uint64_t at) {
  const ClassLayout& layout = layout_of(is64);
  const auto word = [&](std::uint64_t offset, std::string_view field) {
    return load_word(file, is64, at + offset, field);
  };
  return {.header_offset = at,
          .type = file.load<std::uint32_t>(at, "p_type"),
          .flags = file.load<std::uint32_t>(at + layout.p_flags, "p_flags"),
          .offset = word(layout.p_offset, "p_offset"),
          .link = word(layout.p_vaddr, "p_vaddr"),
          .physical = word(layout.p_paddr, "p_paddr"),
          .file_size = word(layout.p_filesz, "p_filesz"),
          .memory_size = word(layout.p_memsz, "p_memsz"),
          .align = word(layout.p_align, "p_align")};
}

bool inside(std::uint64_t address, std::uint64_t base, std::uint64_t size) { return address - base < size; }

/// Two segments in the same place would make the image depend on the order of loading.
void refuse_overlap(const ByteReader& file, std::vector<const ElfProgramHeader*> loads) {
  std::ranges::sort(loads, {}, &ElfProgramHeader::physical);
  const auto overlap = [](const ElfProgramHeader* low, const ElfProgramHeader* high) {
    return high->physical - low->physical < low->memory_size;
  };
  const auto found = std::ranges::adjacent_find(loads, overlap);
  if (found != loads.end()) {
    file.fail("p_paddr", (*std::next(found))->header_offset,
              fmt::format("the segment at {:#x} overlaps the one at {:#x}", (*std::next(found))->physical,
                          (*found)->physical));
  }
}

ImageSegment to_segment(const ByteReader& file, const ElfProgramHeader& header) {
  if (header.file_size > header.memory_size) {
    file.fail("p_filesz", header.header_offset,
              fmt::format("{:#x} bytes in the file, {:#x} in memory", header.file_size, header.memory_size));
  }
  if (header.memory_size > ~std::max(header.physical, header.link)) {
    file.fail("p_memsz", header.header_offset, "the segment goes beyond the last address");
  }
  return {.physical = header.physical,
          .link = header.link,
          .memory_size = header.memory_size,
          .bytes = file.slice(header.offset, header.file_size, "p_offset"),
          .file_offset = header.offset,
          .executable = (header.flags & kFlagExecute) != 0,
          .writable = (header.flags & kFlagWrite) != 0};
}

void scan_sections(const ByteReader& file, BootImage& image) {
  const ClassLayout& layout = layout_of(image.elf64);
  const std::uint64_t table = load_word(file, image.elf64, layout.shoff, "e_shoff");
  if (table == 0) return;
  const std::uint64_t entry_size = file.load<std::uint16_t>(layout.shentsize, "e_shentsize");
  if (entry_size < layout.s_size) return;
  const auto word = [&](std::uint64_t section, std::uint64_t offset) {
    return load_word(file, image.elf64, table + section * entry_size + offset, "section");
  };
  // Large counts are kept in section 0 (gABI, "Section Header Table").
  std::uint64_t count = file.load<std::uint16_t>(layout.shnum, "e_shnum");
  if (count == 0) count = word(0, layout.sh_size);
  count = std::min(count, file.size() / entry_size);
  std::uint64_t names_index = file.load<std::uint16_t>(layout.shstrndx, "e_shstrndx");
  if (names_index == kIndexElsewhere) names_index = file.load<std::uint32_t>(table + layout.sh_link, "sh_link");
  if (names_index >= count) return;
  const ByteReader names =
      file.part(word(names_index, layout.sh_offset), word(names_index, layout.sh_size), "section names");
  for (std::uint64_t section = 0; section < count; ++section) {
    const std::uint64_t at = table + section * entry_size;
    if (file.load<std::uint32_t>(at + 4, "sh_type") == kSectionSymbols) image.has_symbols = true;
    constexpr std::string_view kDebugInfo(".debug_info\0", 12);
    const std::uint64_t name = file.load<std::uint32_t>(at, "sh_name");
    if (!names.has(name, kDebugInfo.size())) continue;
    if (std::ranges::equal(names.slice(name, kDebugInfo.size(), "sh_name"), std::as_bytes(std::span(kDebugInfo)))) {
      image.has_debug_info = true;
    }
  }
}

}  // namespace

bool is_elf(std::span<const std::byte> file) {
  static constexpr std::array kMagic = {std::byte{0x7f}, std::byte{'E'}, std::byte{'L'}, std::byte{'F'}};
  return file.size() >= kMagic.size() && std::ranges::equal(file.first(kMagic.size()), kMagic);
}

ElfFile parse_elf(const ByteReader& file) {
  const auto file_class = file.load<std::uint8_t>(kClass, "e_ident[EI_CLASS]");
  if (file_class != 1 && file_class != 2) file.fail("e_ident[EI_CLASS]", kClass, "neither 32 nor 64 bits");
  if (file.load<std::uint8_t>(kData, "e_ident[EI_DATA]") != 1)
    file.fail("e_ident[EI_DATA]", kData, "not little endian");
  const bool is64 = file_class == 2;
  const auto machine = file.load<std::uint16_t>(kMachine, "e_machine");
  if (machine != (is64 ? kX86_64 : k386)) {
    file.fail("e_machine", kMachine, fmt::format("machine {} is not {}", machine, is64 ? "x86-64" : "i386"));
  }
  const auto type = file.load<std::uint16_t>(kType, "e_type");
  if (type == kDyn) file.fail("e_type", kType, "position-independent (ET_DYN): link with -static -no-pie");
  if (type != kExec) file.fail("e_type", kType, fmt::format("type {} is not an executable (ET_EXEC)", type));

  const ClassLayout& layout = layout_of(is64);
  ElfFile elf{.is64 = is64, .entry = load_word(file, is64, kEntry, "e_entry"), .headers = {}};
  const std::uint64_t table = load_word(file, is64, layout.phoff, "e_phoff");
  const auto entry_size = file.load<std::uint16_t>(layout.phentsize, "e_phentsize");
  const auto count = file.load<std::uint16_t>(layout.phnum, "e_phnum");
  if (count > kMaxHeaders) file.fail("e_phnum", layout.phnum, fmt::format("more than {} program headers", kMaxHeaders));
  if (count > 0 && entry_size < layout.p_size) {
    file.fail("e_phentsize", layout.phentsize, fmt::format("{} bytes are too few for a program header", entry_size));
  }
  (void)file.slice(table, static_cast<std::uint64_t>(count) * entry_size, "e_phoff");  // so that no offset below wraps
  for (std::uint64_t i = 0; i < count; ++i) elf.headers.push_back(parse_header(file, is64, table + i * entry_size));
  return elf;
}

BootImage elf_image(const ByteReader& file, const ElfFile& elf, std::span<const std::byte> bytes) {
  BootImage image;
  image.elf = true;
  image.elf64 = elf.is64;
  std::vector<const ElfProgramHeader*> loads;
  for (const ElfProgramHeader& header : elf.headers) {
    if (header.type != kElfLoad || header.memory_size == 0) continue;
    image.segments.push_back(to_segment(file, header));
    loads.push_back(&header);
  }
  if (loads.empty()) file.fail("e_phnum", layout_of(elf.is64).phnum, "there is nothing to load (no PT_LOAD)");
  refuse_overlap(file, loads);
  find_elf_symbols(bytes, image);
  return image;
}

std::uint64_t physical_entry(const ByteReader& file, const ElfFile& elf, const BootImage& image) {
  for (const ImageSegment& segment : image.segments) {
    if (inside(elf.entry, segment.link, segment.memory_size)) return segment.physical + (elf.entry - segment.link);
  }
  for (const ImageSegment& segment : image.segments) {
    if (inside(elf.entry, segment.physical, segment.memory_size)) return elf.entry;
  }
  file.fail("e_entry", kEntry, fmt::format("{:#x} is in no segment", elf.entry));
}

void find_elf_symbols(std::span<const std::byte> bytes, BootImage& image) {
  try {
    scan_sections(ByteReader(bytes, "elf"), image);
  } catch (const LoadError&) {  // NOLINT(bugprone-empty-catch): what was found until here counts
  }
}

}  // namespace vmm
