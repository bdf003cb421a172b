/// The x86/HVM direct boot ABI (Xen, docs/misc/pvh.pandoc), as Linux and others offer it.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "vmm/cpu/entry_state.hpp"
#include "vmm/loader/cpu_tables.hpp"
#include "vmm/loader/elf.hpp"
#include "vmm/loader/formats.hpp"
#include "vmm/loader/memory_map.hpp"

namespace vmm {
namespace {

using Where = Placement::Where;

constexpr std::uint32_t kNotePhys32Entry = 18;  // XEN_ELFNOTE_PHYS32_ENTRY
constexpr std::string_view kNoteOwner("Xen\0", 4);
constexpr std::uint64_t kNoteHeader = 12;

// xen/include/public/arch-x86/hvm/start_info.h, version 1.
struct StartInfo {
  std::uint32_t magic = 0x336ec578;
  std::uint32_t version = 1;
  std::uint32_t flags = 0;
  std::uint32_t module_count = 0;
  std::uint64_t modules = 0;
  std::uint64_t command_line = 0;
  std::uint64_t rsdp = 0;
  std::uint64_t memory_map = 0;
  std::uint32_t memory_map_count = 0;
  std::uint32_t reserved = 0;
};
static_assert(sizeof(StartInfo) == 56);

struct ModuleEntry {
  std::uint64_t address;
  std::uint64_t size;
  std::uint64_t command_line;
  std::uint64_t reserved;
};

struct MapEntry {
  std::uint64_t base;
  std::uint64_t size;
  std::uint32_t type;
  std::uint32_t reserved;
};
static_assert(sizeof(MapEntry) == 24);

struct Entry {
  std::uint64_t address;
  std::uint64_t file_offset;
};

/// The entry point in one PT_NOTE segment (gABI, "Note Section").
std::optional<Entry> find_entry(const ByteReader& notes, std::uint64_t align) {
  const auto round = [&](std::uint64_t value) { return (value + align - 1) & ~(align - 1); };
  std::uint64_t at = 0;
  while (notes.has(at, kNoteHeader)) {
    const std::uint64_t name_size = notes.load<std::uint32_t>(at, "n_namesz");
    const std::uint64_t value_size = notes.load<std::uint32_t>(at + 4, "n_descsz");
    const auto type = notes.load<std::uint32_t>(at + 8, "n_type");
    const std::uint64_t value_at = round(at + kNoteHeader + name_size);
    const auto name = notes.slice(at + kNoteHeader, name_size, "n_namesz");
    if (type == kNotePhys32Entry && std::ranges::equal(name, std::as_bytes(std::span(kNoteOwner)))) {
      const std::uint64_t file_offset = notes.file_offset() + value_at;
      if (value_size == 4) return Entry{notes.load<std::uint32_t>(value_at, "PHYS32_ENTRY"), file_offset};
      if (value_size == 8) return Entry{notes.load<std::uint64_t>(value_at, "PHYS32_ENTRY"), file_offset};
      notes.fail("PHYS32_ENTRY", at + 4, fmt::format("{} bytes are neither 4 nor 8", value_size));
    }
    at = round(value_at + value_size);
  }
  return std::nullopt;
}

std::optional<Entry> find_entry(const ByteReader& file, const ElfFile& elf) {
  for (const ElfProgramHeader& header : elf.headers) {
    if (header.type != kElfNote) continue;
    const auto entry = find_entry(file.part(header.offset, header.file_size, "p_offset"), header.align == 8 ? 8 : 4);
    if (entry) return entry;
  }
  return std::nullopt;
}

}  // namespace

std::optional<BootImage> parse_pvh(FileBytes bytes) {
  if (!is_elf(bytes)) return {};
  // Until the note is found it is any ELF file, and messages shall say so.
  const ByteReader any(bytes, "elf");
  const ElfFile elf = parse_elf(any);
  const auto entry = find_entry(any, elf);
  if (!entry) return {};
  const ByteReader file(bytes, "pvh");
  BootImage image = elf_image(file, elf, bytes);
  image.format = ImageFormat::kPvh;
  image.entry_mode = EntryMode::kProtected32;
  image.entry = entry->address;
  const bool loaded = std::ranges::any_of(image.segments, [&](const ImageSegment& segment) {
    return entry->address - segment.physical < segment.memory_size;
  });
  if (!loaded || entry->address >> 32 != 0) {
    file.fail("PHYS32_ENTRY", entry->file_offset, fmt::format("{:#x} is in no segment below 4 GiB", entry->address));
  }
  return image;
}

CpuState place_pvh(Placement& placement, const BootOptions& options, const CpuState& reset) {
  StartInfo info;
  info.rsdp = kRsdp;
  info.command_line = placement.put_text(options.command_line, "command line");

  std::vector<ModuleEntry> modules;
  for (const BootModule& module : options.modules) {
    const std::uint64_t text = module.arguments.empty() ? 0 : placement.put_text(module.arguments, "module arguments");
    modules.push_back({placement.put(module.bytes, 4096, Where::kHigh, "module"), module.bytes.size(), text, 0});
  }
  info.module_count = static_cast<std::uint32_t>(modules.size());
  if (!modules.empty()) info.modules = placement.put_array(std::span<const ModuleEntry>(modules), "module list");

  std::vector<MapEntry> map;
  for (const auto& [base, size, type] : boot_memory_map(placement.memory())) {
    map.push_back({base, size, static_cast<std::uint32_t>(type), 0});
  }
  info.memory_map_count = static_cast<std::uint32_t>(map.size());
  info.memory_map = placement.put_array(std::span<const MapEntry>(map), "memory map");

  CpuState state =
      protected32_entry(reset, static_cast<std::uint32_t>(placement.image().entry), put_boot_tables(placement));
  state.gpr[kRbx] = placement.put_array(std::span<const StartInfo>(&info, 1), "start info");
  return state;
}

}  // namespace vmm
