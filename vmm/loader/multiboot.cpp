/// Multiboot 1 (Multiboot Specification 0.6.96): ELF images of both classes and the a.out kludge.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "vmm/cpu/entry_state.hpp"
#include "vmm/loader/elf.hpp"
#include "vmm/loader/formats.hpp"
#include "vmm/loader/memory_map.hpp"
#include "vmm/memory/layout.hpp"

namespace vmm {
namespace {

using Where = Placement::Where;

constexpr std::uint64_t kSearched = 8192;
constexpr std::uint64_t kHeaderSize = 12;
constexpr std::uint32_t kHeaderMagic = 0x1badb002;
constexpr std::uint32_t kLoaderMagic = 0x2badb002;

// Header flags; bits 0 to 15 are requirements.
constexpr std::uint32_t kVideoMode = 1U << 2;
constexpr std::uint32_t kKnownRequirements = 0x7;  // page-aligned modules, memory information, video mode
constexpr std::uint32_t kAddresses = 1U << 16;

/// Section 3.3. Pointers are 32-bit physical.
struct Info {
  std::uint32_t flags = 0;
  std::uint32_t mem_lower = 0;
  std::uint32_t mem_upper = 0;
  std::uint32_t boot_device = 0;
  std::uint32_t command_line = 0;
  std::uint32_t module_count = 0;
  std::uint32_t modules = 0;
  std::array<std::uint32_t, 4> symbols{};
  std::uint32_t map_size = 0;
  std::uint32_t map = 0;
  std::array<std::uint32_t, 3> drives_and_config{};
  std::uint32_t loader_name = 0;
  std::array<std::uint32_t, 5> apm_and_vbe{};
  std::uint64_t framebuffer = 0;
  std::uint32_t framebuffer_pitch = 0;
  std::uint32_t framebuffer_width = 0;
  std::uint32_t framebuffer_height = 0;
  std::uint8_t framebuffer_bpp = 0;
  std::uint8_t framebuffer_type = 0;
  std::array<std::uint8_t, 6> color_info{};
};
static_assert(offsetof(Info, loader_name) == 64 && offsetof(Info, framebuffer_type) == 109);

constexpr std::uint32_t kInfoMemory = 1U << 0, kInfoCommandLine = 1U << 2, kInfoModules = 1U << 3, kInfoMap = 1U << 6,
                        kInfoLoaderName = 1U << 9, kInfoFramebuffer = 1U << 12;

struct MapEntry {
  std::uint32_t size;  // of the rest
  std::array<std::uint32_t, 2> base;
  std::array<std::uint32_t, 2> length;
  std::uint32_t type;
};

struct ModuleEntry {
  std::uint32_t start;
  std::uint32_t end;
  std::uint32_t text;
  std::uint32_t reserved;
};

std::array<std::uint32_t, 2> halves(std::uint64_t value) {
  return {static_cast<std::uint32_t>(value), static_cast<std::uint32_t>(value >> 32)};
}
std::uint32_t narrow(std::uint64_t address) { return static_cast<std::uint32_t>(address); }

std::optional<std::uint64_t> find_header(const ByteReader& file) {
  const std::uint64_t end = std::min(file.size(), kSearched);
  for (std::uint64_t at = 0; at + kHeaderSize <= end; at += 4) {
    if (file.load<std::uint32_t>(at, "magic") != kHeaderMagic) continue;
    const auto flags = file.load<std::uint32_t>(at + 4, "flags");
    const auto checksum = file.load<std::uint32_t>(at + 8, "checksum");
    if (kHeaderMagic + flags + checksum == 0) return at;
  }
  return std::nullopt;
}

/// Bit 16: the header's own addresses say what is where (section 3.1.3).
BootImage addressed_image(const ByteReader& file, std::uint64_t header) {
  const auto field = [&](std::uint64_t offset, std::string_view name) -> std::uint64_t {
    return file.load<std::uint32_t>(header + offset, name);
  };
  const std::uint64_t header_address = field(0xc, "header.header_addr");
  const std::uint64_t load = field(0x10, "header.load_addr");
  const std::uint64_t load_end = field(0x14, "header.load_end_addr");
  const std::uint64_t bss_end = field(0x18, "header.bss_end_addr");
  const std::uint64_t entry = field(0x1c, "header.entry_addr");
  if (load > header_address || header_address - load > header) {
    file.fail("header.load_addr", header + 0x10, fmt::format("{:#x} is not in the file", load));
  }
  const std::uint64_t start = header - (header_address - load);
  if (load_end != 0 && load_end <= load) file.fail("header.load_end_addr", header + 0x14, "not above load_addr");
  const std::uint64_t size = load_end == 0 ? file.size() - start : load_end - load;
  const auto bytes = file.slice(start, size, "header.load_end_addr");
  if (bss_end != 0 && bss_end < load + size) file.fail("header.bss_end_addr", header + 0x18, "below load_end_addr");
  const std::uint64_t memory_size = bss_end == 0 ? size : bss_end - load;
  if (entry < load || entry - load >= memory_size) {
    file.fail("header.entry_addr", header + 0x1c, fmt::format("{:#x} is not in the image", entry));
  }
  BootImage image;
  image.entry = entry;
  image.segments.push_back(
      {.physical = load, .link = load, .memory_size = memory_size, .bytes = bytes, .file_offset = start});
  return image;
}

BootImage elf_image_of(const ByteReader& file, FileBytes bytes, std::uint64_t header) {
  if (!is_elf(bytes)) file.fail("header.flags", header + 4, "without addresses (bit 16) the file must be ELF");
  const ElfFile elf = parse_elf(file);
  BootImage image = elf_image(file, elf, bytes);
  image.entry = physical_entry(file, elf, image);
  if (image.entry >> 32 != 0) file.fail("e_entry", 24, fmt::format("{:#x} is above 4 GiB", image.entry));
  return image;
}

void put_modules(Placement& placement, const BootOptions& options, Info& info) {
  std::vector<ModuleEntry> modules;
  for (const BootModule& module : options.modules) {
    const std::uint32_t text = narrow(placement.put_text(module.arguments, "module arguments"));
    const std::uint64_t start = placement.put(module.bytes, 4096, Where::kAboveImage, "module");
    modules.push_back({narrow(start), narrow(start + module.bytes.size()), text, 0});
  }
  info.flags |= kInfoModules;
  info.module_count = static_cast<std::uint32_t>(modules.size());
  if (!modules.empty())
    info.modules = narrow(placement.put_array(std::span<const ModuleEntry>(modules), "module list"));
}

void put_memory_map(Placement& placement, Info& info) {
  std::vector<MapEntry> map;
  for (const auto& [base, size, type] : boot_memory_map(placement.memory())) {
    map.push_back({sizeof(MapEntry) - 4, halves(base), halves(size), static_cast<std::uint32_t>(type)});
    if (base == layout::kHighRam) info.mem_upper = narrow(size / layout::kKiB);
  }
  info.flags |= kInfoMemory | kInfoMap;
  info.mem_lower = layout::kEbda / layout::kKiB;
  info.map_size = narrow(map.size() * sizeof(MapEntry));
  info.map = narrow(placement.put_array(std::span<const MapEntry>(map), "memory map"));
}

/// There is no graphics: who asks for a mode is told of the text buffer (type 2).
void describe_text_buffer(Info& info) {
  constexpr std::uint32_t kColumns = 80, kRows = 25, kCellBytes = 2;
  info.flags |= kInfoFramebuffer;
  info.framebuffer = layout::kVgaText;
  info.framebuffer_pitch = kColumns * kCellBytes;
  info.framebuffer_width = kColumns;
  info.framebuffer_height = kRows;
  info.framebuffer_bpp = kCellBytes * 8;
  info.framebuffer_type = 2;
}

}  // namespace

std::optional<BootImage> parse_multiboot(FileBytes bytes) {
  const ByteReader file(bytes, "multiboot");
  const auto header = find_header(file);
  if (!header) return {};
  const auto flags = file.load<std::uint32_t>(*header + 4, "header.flags");
  if (const std::uint32_t unknown = flags & 0xffff & ~kKnownRequirements; unknown != 0) {
    file.fail("header.flags", *header + 4, fmt::format("required features {:#x} are not known", unknown));
  }
  BootImage image = (flags & kAddresses) != 0 ? addressed_image(file, *header) : elf_image_of(file, bytes, *header);
  if (!image.elf && is_elf(bytes)) {
    image.elf = true;
    image.elf64 = file.has(4, 1) && file.load<std::uint8_t>(4, "e_ident[EI_CLASS]") == 2;
    find_elf_symbols(bytes, image);
  }
  image.format = ImageFormat::kMultiboot;
  image.entry_mode = EntryMode::kProtected32;
  image.multiboot_flags = flags;
  return image;
}

CpuState place_multiboot(Placement& placement, const BootOptions& options, const CpuState& reset) {
  Info info;
  const std::string& append = options.command_line;
  const std::string line = append.empty() ? options.image_name : fmt::format("{} {}", options.image_name, append);
  info.flags = kInfoCommandLine | kInfoLoaderName;
  info.command_line = narrow(placement.put_text(line, "command line"));
  info.loader_name = narrow(placement.put_text("gdbvm", "loader name"));
  put_modules(placement, options, info);
  put_memory_map(placement, info);
  if ((placement.image().multiboot_flags & kVideoMode) != 0) describe_text_buffer(info);

  CpuState state = protected32_entry(reset, narrow(placement.image().entry), put_boot_tables(placement));
  state.gpr[kRax] = kLoaderMagic;
  state.gpr[kRbx] = placement.put_array(std::span<const Info>(&info, 1), "information block");
  return state;
}

}  // namespace vmm
