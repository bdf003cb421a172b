#include <fmt/format.h>
#include <png.h>

#include "vmm/base/errors.hpp"
#include "vmm/machine/screen.hpp"
#include "vmm/machine/vga_font.hpp"

namespace vmm {
namespace {

constexpr unsigned kGlyphWidth = 8;
constexpr unsigned kGlyphHeight = std::tuple_size_v<VgaGlyph>;
constexpr unsigned kWidth = Screen::kColumns * kGlyphWidth;
constexpr unsigned kHeight = Screen::kRows * kGlyphHeight;

/// The VGA's 16 colours, red, green and blue each.
constexpr std::array<std::uint8_t, 48> kColours = {
    0x00, 0x00, 0x00, 0x00, 0x00, 0xaa, 0x00, 0xaa, 0x00, 0x00, 0xaa, 0xaa, 0xaa, 0x00, 0x00, 0xaa,
    0x00, 0xaa, 0xaa, 0x55, 0x00, 0xaa, 0xaa, 0xaa, 0x55, 0x55, 0x55, 0x55, 0x55, 0xff, 0x55, 0xff,
    0x55, 0x55, 0xff, 0xff, 0xff, 0x55, 0x55, 0xff, 0x55, 0xff, 0xff, 0xff, 0x55, 0xff, 0xff, 0xff,
};

/// A colour's number for each dot.
std::vector<std::uint8_t> dots_of(const Screen& screen) {
  std::vector<std::uint8_t> dots(std::size_t{kWidth} * kHeight);
  for (unsigned i = 0; i < screen.cells.size(); ++i) {
    const ScreenCell cell = screen.cells[i];
    const auto ink = static_cast<std::uint8_t>(cell.attribute & 0x0f);
    const auto paper = static_cast<std::uint8_t>(cell.attribute >> 4 & (screen.blinks ? 0x07 : 0x0f));
    const std::size_t left = std::size_t{i % Screen::kColumns} * kGlyphWidth;
    for (unsigned row = 0; row < kGlyphHeight; ++row) {
      const bool cursor = screen.cursor == i && row >= kGlyphHeight - 2;
      const unsigned bits = cursor ? 0xff : kVgaFont[cell.character][row];
      std::uint8_t* dot = &dots[(i / Screen::kColumns * kGlyphHeight + row) * std::size_t{kWidth} + left];
      for (unsigned x = 0; x < kGlyphWidth; ++x) dot[x] = bits >> (7 - x) & 1 ? ink : paper;
    }
  }
  return dots;
}

}  // namespace

std::vector<std::byte> screen_png(const Screen& screen) {
  const auto dots = dots_of(screen);
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = kWidth;
  image.height = kHeight;
  image.format = PNG_FORMAT_RGB_COLORMAP;
  image.colormap_entries = kColours.size() / 3;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  std::vector<std::byte> file(size);
  if (!png_image_write_to_memory(&image, file.data(), &size, 0, dots.data(), 0, kColours.data())) {
    throw HostError(fmt::format("libpng: {}", image.message));
  }
  file.resize(size);
  return file;
}

}  // namespace vmm
