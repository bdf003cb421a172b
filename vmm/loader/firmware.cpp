#include <fmt/format.h>

#include "vmm/base/errors.hpp"
#include "vmm/cpu/entry_state.hpp"
#include "vmm/loader/formats.hpp"
#include "vmm/memory/layout.hpp"

namespace vmm {

BootImage firmware_image(FileBytes file) {
  if (file.empty() || file.size() > layout::kMostRom || file.size() % layout::kRomGranule != 0) {
    throw HostError(
        fmt::format("{} bytes are no PC firmware: gdbvm takes a ROM of 64, 128, 192 or 256 KiB, such as SeaBIOS "
                    "(/usr/share/seabios/bios-256k.bin)",
                    file.size()));
  }
  BootImage image;
  image.format = ImageFormat::kFirmware;
  image.entry = layout::kResetVector;
  for (const std::uint64_t end : {layout::kAbove4G, layout::kHighRam}) {
    const std::uint64_t begin = end - file.size();
    image.segments.push_back({.physical = begin,
                              .link = begin,
                              .memory_size = file.size(),
                              .bytes = file,
                              .writable = end == layout::kHighRam});
  }
  return image;
}

std::uint64_t rom_size(const BootImage& image) {
  return image.format == ImageFormat::kFirmware ? image.segments.front().memory_size : 0;
}

CpuState place_firmware(const CpuState& reset) { return reset_vector_entry(reset); }

}  // namespace vmm
