#include "vmm/loader/boot_image.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "vmm/base/errors.hpp"
#include "vmm/base/number.hpp"
#include "vmm/cpu/entry_state.hpp"
#include "vmm/loader/formats.hpp"

namespace vmm {
namespace {

struct Detector {
  std::string_view name;
  std::optional<BootImage> (*parse)(FileBytes);
  std::string_view field;    ///< that is missing
  std::string_view problem;  ///< when this format was asked for
};

/// In the order of detection: the more specific first.
constexpr std::array<Detector, 5> kDetectors = {{
    {"multiboot", parse_multiboot, "header.magic", "no valid multiboot 1 header in the first 8192 bytes"},
    {"pvh", parse_pvh, "PHYS32_ENTRY", "no ELF file with a Xen PHYS32_ENTRY note"},
    {"elf", parse_plain_elf, "e_ident", "no ELF file"},
    {"bzimage", parse_bzimage, "header", "no Linux kernel with a setup header (HdrS at offset 0x202)"},
    {"boot-sector", parse_boot_sector, "signature", "no 512 bytes with 0x55 0xaa at offset 510"},
}};

struct FormatName {
  std::string_view name;
  ImageFormat format;
  std::string_view detector;
};
constexpr std::array<FormatName, 9> kFormatNames = {{
    {"boot-sector", ImageFormat::kBootSector, "boot-sector"},
    {"multiboot", ImageFormat::kMultiboot, "multiboot"},
    {"pvh", ImageFormat::kPvh, "pvh"},
    {"bzimage", ImageFormat::kBzImage, "bzimage"},
    {"elf32", ImageFormat::kElf32, "elf"},
    {"elf64", ImageFormat::kElf64, "elf"},
    {"elf", ImageFormat::kElf64, "elf"},
    {"flat", ImageFormat::kFlat, ""},
    {"firmware", ImageFormat::kFirmware, ""},
}};
constexpr std::string_view kFormatHelp = "flat@ADDR, boot-sector, multiboot, pvh, bzimage, elf";

const FormatName& row_of(ImageFormat format) {
  const auto* row = std::ranges::find(kFormatNames, format, &FormatName::format);
  VMM_CHECK(row != kFormatNames.end());
  return *row;
}

BootImage parse_as(FileBytes file, const FormatRequest& request) {
  if (request.format == ImageFormat::kFlat) return parse_flat(file, request.flat_address);
  const std::string_view name = row_of(request.format).detector;
  const Detector& detector = *std::ranges::find(kDetectors, name, &Detector::name);
  if (auto image = detector.parse(file)) return *std::move(image);
  throw LoadError(name, detector.field, 0, std::string(detector.problem));
}

/// What only a boot protocol hands over needs one.
void refuse_options(const BootImage& image, const BootOptions& options) {
  const auto refuse = [&](std::string_view what, std::string_view option) {
    throw HostError(
        fmt::format("a {} image can't be given {} ({}): only multiboot, pvh and bzimage have a way to hand it over",
                    name_of(image.format), what, option));
  };
  using enum ImageFormat;
  if (image.format == kMultiboot || image.format == kPvh) return;
  if (image.format == kBzImage) {
    if (options.modules.size() <= 1) return;
    throw HostError("a bzimage takes one initrd: give --initrd alone, without --module");
  }
  if (!options.command_line.empty()) refuse("a command line", "--append");
  if (!options.modules.empty()) refuse("modules", "--initrd, --module");
}

}  // namespace

FormatRequest parse_format(const std::string& text) {
  constexpr std::string_view kFlat = "flat@";
  if (text.starts_with(kFlat)) {
    if (const auto address = number_of(std::string_view(text).substr(kFlat.size()))) {
      return {ImageFormat::kFlat, *address};
    }
  }
  const auto* row = std::ranges::find(kFormatNames, text, &FormatName::name);
  if (row == kFormatNames.end() || row->detector.empty()) {
    throw HostError(fmt::format("unknown image format '{}': use one of {}", text, kFormatHelp));
  }
  return {row->format, 0};
}

std::string name_of(ImageFormat format) { return std::string(row_of(format).name); }

std::string name_of(EntryMode mode) {
  static constexpr std::array<std::string_view, 3> kNames = {"16-bit real", "32-bit protected", "64-bit long"};
  return std::string(kNames.at(static_cast<std::size_t>(mode)));
}

std::uint64_t put_boot_tables(Placement& placement, BootGdt gdt) {
  const std::uint64_t address = placement.allocate(kBootTablesSize, 64, Placement::Where::kLow, "descriptor tables");
  placement.memory().write(address, boot_tables(address, gdt));
  return address;
}

BootImage parse_image(std::span<const std::byte> file, const std::optional<FormatRequest>& wanted) {
  if (wanted) return parse_as(file, *wanted);
  for (const Detector& detector : kDetectors) {
    if (auto image = detector.parse(file)) return *std::move(image);
  }
  throw HostError(
      "the image is none of multiboot, pvh, bzimage, elf and boot-sector: for raw 16-bit code use --format flat@ADDR");
}

CpuState place_image(const BootImage& image, const BootOptions& options, GuestMemory& memory, const CpuState& reset) {
  refuse_options(image, options);
  memory.clear();
  if (image.entry_mode == EntryMode::kReal16 && rom_size(image) == 0) write_real_mode_vectors(memory);
  Placement placement(image, memory);
  switch (image.format) {
    case ImageFormat::kMultiboot: return place_multiboot(placement, options, reset);
    case ImageFormat::kPvh: return place_pvh(placement, options, reset);
    case ImageFormat::kBzImage: return place_bzimage(placement, options, reset);
    case ImageFormat::kElf32:
    case ImageFormat::kElf64: return place_plain_elf(placement, reset);
    case ImageFormat::kBootSector: return place_boot_sector(placement, reset);
    case ImageFormat::kFlat: return place_flat(placement, reset);
    case ImageFormat::kFirmware: return place_firmware(reset);
  }
  VMM_CHECK(false);
}

}  // namespace vmm
