/// Linux's 64-bit boot protocol (Linux, Documentation/arch/x86/boot.rst): the kernel as its build makes it, entered
/// behind the real-mode part, in long mode, with the "zero page" that this part would have filled in.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "vmm/base/byte_reader.hpp"
#include "vmm/cpu/entry_state.hpp"
#include "vmm/loader/cpu_tables.hpp"
#include "vmm/loader/formats.hpp"
#include "vmm/loader/memory_map.hpp"
#include "vmm/loader/page_tables.hpp"
#include "vmm/memory/layout.hpp"

namespace vmm {
namespace {

using Where = Placement::Where;

// boot.rst, "The Real-Mode Kernel Header". In the file and in the zero page it lies at the same offsets.
constexpr std::uint64_t kSetupHeader = 0x1f1;
constexpr std::uint64_t kSetupSectors = 0x1f1;
constexpr std::uint64_t kSystemSize = 0x1f4;  // in 16 bytes
constexpr std::uint64_t kVideoMode = 0x1fa;
constexpr std::uint64_t kBootFlag = 0x1fe;
constexpr std::uint64_t kJumpOffset = 0x201;  // of a short jump over the header, which so tells its end
constexpr std::uint64_t kMagic = 0x202;
constexpr std::uint64_t kVersion = 0x206;
constexpr std::uint64_t kKernelVersion = 0x20e;  // where its text is, from 0x200 on
constexpr std::uint64_t kLoaderType = 0x210;
constexpr std::uint64_t kLoadFlags = 0x211;
constexpr std::uint64_t kRamdiskImage = 0x218;
constexpr std::uint64_t kRamdiskSize = 0x21c;
constexpr std::uint64_t kCommandLine = 0x228;
constexpr std::uint64_t kRamdiskMost = 0x22c;
constexpr std::uint64_t kExtendedLoadFlags = 0x236;
constexpr std::uint64_t kCommandLineSize = 0x238;
constexpr std::uint64_t kPreferredAddress = 0x258;
constexpr std::uint64_t kInitSize = 0x260;
constexpr std::uint64_t kKnownHeaderEnd = 0x264;

constexpr std::uint32_t kHdrS = 0x53726448;
constexpr std::uint16_t kFirstVersionWith64Bits = 0x20c;
constexpr std::uint16_t kKernel64 = 1U << 0;  // XLF_KERNEL_64
constexpr std::uint64_t kEntry64 = 0x200;
constexpr std::uint64_t kSector = 512;

// arch/x86/include/uapi/asm/bootparam.h, struct boot_params. It is not an API by which a loader could avoid the
// offsets.
constexpr std::uint64_t kZeroPageSize = 4096;
constexpr std::uint64_t kAcpiRsdp = 0x70;
constexpr std::uint64_t kMapEntries = 0x1e8;
constexpr std::uint64_t kHeaderMostEnd = 0x290;  // what lies behind it is the loader's
constexpr std::uint64_t kMap = 0x2d0;
constexpr std::size_t kMostMapEntries = 128;

// struct screen_info: the text mode that a BIOS leaves, so that a kernel with a VGA console writes to the text buffer.
struct Field8 {
  std::uint64_t offset;
  std::uint8_t value;
};
constexpr std::array<Field8, 5> kScreen = {{
    {0x06, 3},   // mode
    {0x07, 80},  // columns
    {0x0e, 25},  // lines
    {0x0f, 1},   // a VGA
    {0x10, 16},  // points of a character
}};

bool is_bzimage(FileBytes bytes) {
  const ByteReader file(bytes, "bzimage");
  return file.has(kMagic, 4) && file.load<std::uint16_t>(kBootFlag, "boot_flag") == 0xaa55 &&
         file.load<std::uint32_t>(kMagic, "header") == kHdrS;
}

void require_64_bit_entry(const ByteReader& file) {
  const auto version = file.load<std::uint16_t>(kVersion, "version");
  if (version < kFirstVersionWith64Bits) {
    file.fail("version", kVersion,
              fmt::format("boot protocol {}.{:02} has no 64-bit entry: a kernel of Linux 3.8 or newer is needed",
                          version >> 8, version & 0xff));
  }
  if ((file.load<std::uint16_t>(kExtendedLoadFlags, "xloadflags") & kKernel64) == 0) {
    file.fail("xloadflags", kExtendedLoadFlags, "a 32-bit kernel: only 64-bit ones are booted from a bzImage");
  }
}

/// The end of the header, for copying: what its length byte says, within the page's room for it.
std::uint64_t header_end(const ByteReader& file) {
  return std::min<std::uint64_t>(kMagic + file.load<std::uint8_t>(kJumpOffset, "jump"), kHeaderMostEnd);
}

/// "6.1.0-18-amd64 (…) …, boot protocol 2.15": the version text is anywhere in the setup sectors, or not at all.
std::string about(const ByteReader& file) {
  constexpr std::size_t kMost = 100;
  const std::uint64_t at = std::uint64_t{file.load<std::uint16_t>(kKernelVersion, "kernel_version")} + kSector;
  std::string text = "Linux ";
  for (std::uint64_t i = at; at != kSector && file.has(i, 1) && i - at < kMost; ++i) {
    const char c = static_cast<char>(file.load<std::uint8_t>(i, "kernel_version"));
    if (c < ' ' || c > '~') break;
    text += c;
  }
  const auto version = file.load<std::uint16_t>(kVersion, "version");
  return fmt::format("{}, boot protocol {}.{:02}", text, version >> 8, version & 0xff);
}

/// The first module is the initrd; the protocol has only one.
void put_initrd(Placement& placement, const BootOptions& options, const ByteReader& header, std::uint64_t page) {
  if (options.modules.empty()) return;
  const std::span<const std::byte> initrd = options.modules.front().bytes;
  const std::uint64_t below = std::uint64_t{header.load<std::uint32_t>(kRamdiskMost, "initrd_addr_max")} + 1;
  const std::uint64_t address = placement.put(initrd, 4096, Where::kHigh, "initrd", below);
  placement.memory().store(page + kRamdiskImage, static_cast<std::uint32_t>(address));
  placement.memory().store(page + kRamdiskSize, static_cast<std::uint32_t>(initrd.size()));
}

void put_command_line(Placement& placement, const BootOptions& options, const ByteReader& header, std::uint64_t page) {
  const auto most = header.load<std::uint32_t>(kCommandLineSize, "cmdline_size");
  if (options.command_line.size() > most) {
    header.fail("cmdline_size", kCommandLineSize,
                fmt::format("this kernel takes a command line of {} characters, --append has {}", most,
                            options.command_line.size()));
  }
  const std::uint64_t address = placement.put_text(options.command_line, "command line");
  placement.memory().store(page + kCommandLine, static_cast<std::uint32_t>(address));
}

void put_memory_map(GuestMemory& memory, std::uint64_t page) {
  const std::vector<MemoryMapEntry> map = boot_memory_map(memory);
  const std::size_t count = std::min(map.size(), kMostMapEntries);
  for (std::size_t i = 0; i < count; ++i) {
    const E820Entry entry{map[i].base, map[i].size, map[i].type};
    memory.store(page + kMap + i * sizeof entry, entry);
  }
  memory.store(page + kMapEntries, static_cast<std::uint8_t>(count));
}

std::uint64_t put_zero_page(Placement& placement, const BootOptions& options) {
  constexpr std::uint8_t kUndefinedLoader = 0xff;
  constexpr std::uint8_t kLoadedHigh = 1;
  constexpr std::uint16_t kNormalVideo = 0xffff;
  GuestMemory& memory = placement.memory();
  const ByteReader header(placement.image().header, "bzimage");
  const std::uint64_t page = placement.allocate(kZeroPageSize, kZeroPageSize, Where::kLow, "zero page");
  memory.write(page + kSetupHeader, placement.image().header.subspan(kSetupHeader));
  for (const Field8& field : kScreen) memory.store(page + field.offset, field.value);
  memory.store(page + kVideoMode, kNormalVideo);
  memory.store(page + kLoaderType, kUndefinedLoader);
  memory.store(page + kLoadFlags, static_cast<std::uint8_t>(header.load<std::uint8_t>(kLoadFlags, "") | kLoadedHigh));
  memory.store(page + kAcpiRsdp, kRsdp);
  put_command_line(placement, options, header, page);
  put_initrd(placement, options, header, page);
  put_memory_map(memory, page);
  return page;
}

}  // namespace

std::optional<BootImage> parse_bzimage(FileBytes bytes) {
  if (!is_bzimage(bytes)) return {};
  const ByteReader file(bytes, "bzimage");
  require_64_bit_entry(file);
  file.slice(0, kKnownHeaderEnd, "setup header");
  const std::uint64_t end = header_end(file);
  if (end < kKnownHeaderEnd) file.fail("jump", kJumpOffset, "the setup header is shorter than its version demands");

  const auto sectors = file.load<std::uint8_t>(kSetupSectors, "setup_sects");
  const std::uint64_t payload = (std::uint64_t{sectors == 0 ? std::uint8_t{4} : sectors} + 1) * kSector;
  const std::uint64_t size = std::uint64_t{file.load<std::uint32_t>(kSystemSize, "syssize")} * 16;
  // The room it needs to unpack itself, from where it wants to be; moving it elsewhere would only confuse symbols.
  const auto address = file.load<std::uint64_t>(kPreferredAddress, "pref_address");
  const std::uint64_t room = file.load<std::uint32_t>(kInitSize, "init_size");
  if (!file.has(payload, size)) {
    file.fail("syssize", kSystemSize, fmt::format("the file ends before the kernel's {:#x} bytes do", size));
  }
  if (size <= kEntry64) file.fail("syssize", kSystemSize, "the kernel ends before its 64-bit entry");
  if (room < size) file.fail("init_size", kInitSize, "less than the kernel's size");
  if (address < layout::kHighRam || address >= layout::kPciHole || address % 4096 != 0) {
    file.fail("pref_address", kPreferredAddress, fmt::format("{:#x} is no page in RAM from 1 MiB to 3 GiB", address));
  }

  BootImage image;
  image.format = ImageFormat::kBzImage;
  image.entry_mode = EntryMode::kLong64;
  image.entry = address + kEntry64;
  image.about = about(file);
  image.header = bytes.first(end);
  image.segments.push_back({.physical = address,
                            .link = address,
                            .memory_size = room,
                            .bytes = file.slice(payload, size, "syssize"),
                            .file_offset = payload});
  return image;
}

CpuState place_bzimage(Placement& placement, const BootOptions& options, const CpuState& reset) {
  const std::uint64_t page = put_zero_page(placement, options);
  PageTables tables(placement);
  tables.map(0, 0, layout::kAbove4G);
  const std::uint64_t descriptors = put_boot_tables(placement, BootGdt::kLinux);
  CpuState state = long64_entry(reset, placement.image().entry, tables.root(), descriptors, BootGdt::kLinux);
  state.gpr[kRsi] = page;
  return state;
}

}  // namespace vmm
