/// The VGA's 8x16 font, in the order of code page 437. The bitmaps are in the public domain: Debian's seabios package
/// says so of vgasrc/vgafonts.c, where these are from.
#pragma once

#include <array>
#include <cstdint>

namespace vmm {

/// Rows from the top; bit 7 is the leftmost dot.
using VgaGlyph = std::array<std::uint8_t, 16>;
extern const std::array<VgaGlyph, 256> kVgaFont;

}  // namespace vmm
