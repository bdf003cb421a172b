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
constexpr std::array<Detector, 4> kDetectors = {{
    {"multiboot", parse_multiboot, "header.magic", "no valid multiboot 1 header in the first 8192 bytes"},
    {"pvh", parse_pvh, "PHYS32_ENTRY", "no ELF file with a Xen PHYS32_ENTRY note"},
    {"elf", parse_plain_elf, "e_ident", "no ELF file"},
    {"boot-sector", parse_boot_sector, "signature", "no 512 bytes with 0x55 0xaa at offset 510"},
}};

struct FormatName {
  std::string_view name;
  ImageFormat format;
  std::string_view detector;
};
constexpr std::array<FormatName, 8> kFormatNames = {{
    {"boot-sector", ImageFormat::kBootSector, "boot-sector"},
    {"multiboot", ImageFormat::kMultiboot, "multiboot"},
    {"pvh", ImageFormat::kPvh, "pvh"},
    {"elf32", ImageFormat::kElf32, "elf"},
    {"elf64", ImageFormat::kElf64, "elf"},
    {"elf", ImageFormat::kElf64, "elf"},
    {"flat", ImageFormat::kFlat, ""},
    {"firmware", ImageFormat::kFirmware, ""},
}};
constexpr std::string_view kFormatHelp = "flat@ADDR, boot-sector, multiboot, pvh, elf";

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

/// Formats without a boot protocol can't take what only a protocol hands over.
void refuse_options(const BootImage& image, const BootOptions& options) {
  const auto refuse = [&](std::string_view what, std::string_view option) {
    throw HostError(fmt::format("a {} image can't be given {} ({}): only multiboot and pvh have a way to hand it over",
                                name_of(image.format), what, option));
  };
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

std::uint64_t put_boot_tables(Placement& placement) {
  const std::uint64_t address = placement.allocate(kBootTablesSize, 64, Placement::Where::kLow, "descriptor tables");
  placement.memory().write(address, boot_tables(address));
  return address;
}

BootImage parse_image(std::span<const std::byte> file, const std::optional<FormatRequest>& wanted) {
  if (wanted) return parse_as(file, *wanted);
  for (const Detector& detector : kDetectors) {
    if (auto image = detector.parse(file)) return *std::move(image);
  }
  throw HostError(
      "the image is none of multiboot, pvh, elf and boot-sector: for raw 16-bit code use --format flat@ADDR");
}

CpuState place_image(const BootImage& image, const BootOptions& options, GuestMemory& memory, const CpuState& reset) {
  const bool protocol = image.format == ImageFormat::kMultiboot || image.format == ImageFormat::kPvh;
  if (!protocol) refuse_options(image, options);
  memory.clear();
  if (image.entry_mode == EntryMode::kReal16 && rom_size(image) == 0) write_real_mode_vectors(memory);
  Placement placement(image, memory);
  switch (image.format) {
    case ImageFormat::kMultiboot: return place_multiboot(placement, options, reset);
    case ImageFormat::kPvh: return place_pvh(placement, options, reset);
    case ImageFormat::kElf32:
    case ImageFormat::kElf64: return place_plain_elf(placement, reset);
    case ImageFormat::kBootSector: return place_boot_sector(placement, reset);
    case ImageFormat::kFlat: return place_flat(placement, reset);
    case ImageFormat::kFirmware: return place_firmware(reset);
  }
  VMM_CHECK(false);
}

}  // namespace vmm
