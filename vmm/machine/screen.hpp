/// The text screen as a value, and what can be made of it: text, a picture, a terminal's output. All are pure
/// functions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vmm/devices/vga_text.hpp"
#include "vmm/memory/guest_memory.hpp"

namespace vmm {

struct ScreenCell {
  std::uint8_t character = ' ';   ///< of code page 437
  std::uint8_t attribute = 0x07;  ///< bits 3 to 0 the colour, 6 to 4 the background, 7 see Screen::blinks

  bool operator==(const ScreenCell&) const = default;
};

struct Screen {
  static constexpr unsigned kColumns = 80;
  static constexpr unsigned kRows = 25;

  std::array<ScreenCell, kColumns * kRows> cells;  ///< row by row
  std::optional<unsigned> cursor;                  ///< its cell; empty: off, or not on the screen
  bool blinks = false;                             ///< an attribute's bit 7 blinks; else it is a bright background

  bool operator==(const Screen&) const = default;
};

/// What a monitor would show. In a graphics mode: a line that says so. The guest may write meanwhile.
Screen read_screen(const GuestMemory& memory, const VgaText::View& view);

/// UTF-8, without the blanks at the ends of lines and the empty lines at the end; then a line with the cursor's place.
std::string screen_text(const Screen& screen);

/// A PNG of 640 by 400 dots. Throws HostError when libpng fails.
std::vector<std::byte> screen_png(const Screen& screen);

/// What a terminal (ECMA-48, with 16 colours) must be sent so that it shows `now`, when it shows `before`; null:
/// anything.
std::string screen_update(const Screen* before, const Screen& now);

}  // namespace vmm
