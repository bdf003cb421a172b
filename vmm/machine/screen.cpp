#include "vmm/machine/screen.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string_view>

#include "vmm/memory/layout.hpp"

namespace vmm {
namespace {

// In the order of the code page; 0 looks like a blank.
constexpr char32_t kCodePage437[] =
    U" ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼ !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
    U"abcdefghijklmnopqrstuvwxyz{|}~⌂ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼"
    U"╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■ ";
static_assert(std::size(kCodePage437) == 256 + 1);

void append_utf8(std::string& text, char32_t point) {
  const auto put = [&](char32_t byte) { text += static_cast<char>(byte); };
  if (point < 0x80) return put(point);
  if (point < 0x800) {
    put(0xc0 | point >> 6);
  } else {
    put(0xe0 | point >> 12);
    put(0x80 | (point >> 6 & 0x3f));
  }
  put(0x80 | (point & 0x3f));
}

bool is_blank(ScreenCell cell) { return kCodePage437[cell.character] == U' ' || cell.character == 0xff; }

/// Select Graphic Rendition.
std::string rendition(std::uint8_t attribute, bool blinks) {
  constexpr std::array<unsigned, 8> kColours = {0, 4, 2, 6, 1, 5, 3, 7};  // a terminal counts red, green, blue
  constexpr unsigned kBrightOffset = 60;
  const unsigned bright = attribute & 0x08 ? kBrightOffset : 0;
  const unsigned bright_background = attribute & 0x80 && !blinks ? kBrightOffset : 0;
  return fmt::format("\x1b[0;{};{}{}m", 30 + kColours[attribute & 7] + bright,
                     40 + kColours[attribute >> 4 & 7] + bright_background, attribute & 0x80 && blinks ? ";5" : "");
}

std::string move_to(unsigned cell) {
  return fmt::format("\x1b[{};{}H", cell / Screen::kColumns + 1, cell % Screen::kColumns + 1);
}

}  // namespace

Screen read_screen(const GuestMemory& memory, const VgaText::View& view) {
  Screen screen;
  screen.blinks = view.blinks;
  if (view.graphics) {
    constexpr std::string_view kSorry = "The guest has set a graphics mode. gdbvm shows text only.";
    for (std::size_t i = 0; i < kSorry.size(); ++i) screen.cells[i].character = static_cast<std::uint8_t>(kSorry[i]);
    return screen;
  }
  constexpr unsigned kCells = (layout::kVgaTextEnd - layout::kVgaText) / sizeof(ScreenCell);  // then it begins again
  std::array<ScreenCell, kCells> buffer;
  memory.read(layout::kVgaText, std::as_writable_bytes(std::span(buffer)));
  for (unsigned i = 0; i < screen.cells.size(); ++i) screen.cells[i] = buffer[(view.start + i) % kCells];
  const unsigned cursor = (view.cursor - view.start) % kCells;
  if (view.cursor_on && cursor < screen.cells.size()) screen.cursor = cursor;
  return screen;
}

std::string screen_text(const Screen& screen) {
  std::string text;
  std::string waiting;  // blanks and line ends, dropped when nothing follows them
  for (unsigned i = 0; i < screen.cells.size(); ++i) {
    if (i > 0 && i % Screen::kColumns == 0) {
      waiting.erase(waiting.find_last_of('\n') + 1);
      waiting += '\n';
    }
    if (is_blank(screen.cells[i])) {
      waiting += ' ';
      continue;
    }
    text += std::exchange(waiting, {});
    append_utf8(text, kCodePage437[screen.cells[i].character]);
  }
  if (!text.empty()) text += '\n';
  if (!screen.cursor) return text + "cursor: none\n";
  return text + fmt::format("cursor: row {}, column {}, from 0\n", *screen.cursor / Screen::kColumns,
                            *screen.cursor % Screen::kColumns);
}

std::string screen_update(const Screen* before, const Screen& now) {
  std::string out = before == nullptr ? "\x1b[0m\x1b[2J" : "";
  std::optional<unsigned> at;  // where the terminal is going to put the next character
  std::optional<std::uint8_t> attribute;
  const bool same_blinking = before != nullptr && before->blinks == now.blinks;
  for (unsigned i = 0; i < now.cells.size(); ++i) {
    const ScreenCell cell = now.cells[i];
    if (same_blinking && before->cells[i] == cell) continue;
    if (at != i || i % Screen::kColumns == 0) out += move_to(i);
    if (attribute != cell.attribute) out += rendition(cell.attribute, now.blinks);
    append_utf8(out, is_blank(cell) ? U' ' : kCodePage437[cell.character]);
    at = i + 1;
    attribute = cell.attribute;
  }
  if (attribute) out += "\x1b[0m";
  if (!out.empty() || before->cursor != now.cursor) {
    out += now.cursor ? move_to(*now.cursor) + "\x1b[?25h" : "\x1b[?25l";
  }
  return out;
}

}  // namespace vmm
