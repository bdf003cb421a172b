/// Any bytes parse and place, or are refused by LoadError or HostError. The first byte picks the format.
#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "vmm/base/errors.hpp"
#include "vmm/loader/boot_image.hpp"
#include "vmm/memory/layout.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using vmm::ImageFormat;
  static constexpr std::array<ImageFormat, 6> kFormats = {ImageFormat::kFlat,      ImageFormat::kBootSector,
                                                          ImageFormat::kMultiboot, ImageFormat::kPvh,
                                                          ImageFormat::kElf64,     ImageFormat::kBzImage};
  static vmm::GuestMemory memory(16 * vmm::layout::kMiB);
  if (size == 0) return 0;
  const auto file = std::as_bytes(std::span(data, size)).subspan(1);
  std::optional<vmm::FormatRequest> wanted;
  if (data[0] < kFormats.size()) wanted = vmm::FormatRequest{kFormats.at(data[0]), 0x7c00};
  try {
    const vmm::BootImage image = vmm::parse_image(file, wanted);
    vmm::BootOptions options{.command_line = "quiet", .image_name = "image", .modules = {{file, "module"}}};
    const bool protocol = image.format == ImageFormat::kMultiboot || image.format == ImageFormat::kPvh ||
                          image.format == ImageFormat::kBzImage;
    if (!protocol) options = {};
    vmm::place_image(image, options, memory, {});
  } catch (const vmm::LoadError&) {
  } catch (const vmm::HostError&) {
  }
  return 0;
}
