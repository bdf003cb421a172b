#include "vmm/machine/screen.hpp"

#include <png.h>

#include <catch2/catch.hpp>
#include <string_view>

#include "vmm/memory/layout.hpp"

using namespace vmm;

namespace {

void put(Screen& screen, unsigned row, unsigned column, std::string_view text, std::uint8_t attribute = 0x07) {
  for (const char character : text) {
    screen.cells[row * Screen::kColumns + column++] = {static_cast<std::uint8_t>(character), attribute};
  }
}

void put(GuestMemory& memory, unsigned cell, std::string_view text) {
  for (const char character : text) memory.store(layout::kVgaText + 2 * cell++ % 0x8000, character);
}

struct Picture {
  explicit Picture(const Screen& screen) {
    const auto file = screen_png(screen);
    image.version = PNG_IMAGE_VERSION;
    REQUIRE(png_image_begin_read_from_memory(&image, file.data(), file.size()));
    image.format = PNG_FORMAT_RGB;
    dots.resize(PNG_IMAGE_SIZE(image));
    REQUIRE(png_image_finish_read(&image, nullptr, dots.data(), 0, nullptr));
  }
  unsigned dot(unsigned x, unsigned y) const {
    const auto* at = &dots.at((std::size_t{y} * image.width + x) * 3);
    return static_cast<unsigned>(at[0] << 16 | at[1] << 8 | at[2]);
  }
  png_image image{};
  std::vector<std::uint8_t> dots;
};

}  // namespace

TEST_CASE("screen: read from the text buffer, by start address and cursor", "[screen]") {
  GuestMemory memory(layout::kMinRam);
  put(memory, 0, "first");
  put(memory, 80, "second");
  const Screen top = read_screen(memory, {.start = 0, .cursor = 85, .cursor_on = true, .blinks = true});
  CHECK(screen_text(top).starts_with("f"));
  CHECK(top.cursor == 85u);
  CHECK(top.blinks);
  const Screen scrolled = read_screen(memory, {.start = 80, .cursor = 85, .cursor_on = true});
  CHECK(screen_text(scrolled).starts_with("s"));
  CHECK(scrolled.cursor == 5u);
  CHECK_FALSE(read_screen(memory, {.start = 0, .cursor = 2000, .cursor_on = true}).cursor);
  CHECK_FALSE(read_screen(memory, {.start = 0, .cursor = 3}).cursor);
  // The buffer's end is followed by its beginning, whatever the guest writes there.
  const Screen wrapped = read_screen(memory, {.start = 0xffff, .cursor = 0xffff, .cursor_on = true});
  CHECK(wrapped.cells[1].character == 'f');
  CHECK(wrapped.cursor == 0u);
  CHECK(screen_text(read_screen(memory, {.graphics = true})).find("graphics mode") != std::string::npos);
}

TEST_CASE("screen: as text, without blanks at the ends, and with the cursor's place", "[screen]") {
  Screen screen;
  CHECK(screen_text(screen) == "cursor: none\n");
  put(screen, 0, 2, "hello  ");
  put(screen, 3, 0, "\x01\xdb\xe1~");
  put(screen, 4, 79, "x");
  screen.cells[5 * 80] = {0x00, 0x07};
  screen.cursor = 3 * 80 + 4;
  CHECK(screen_text(screen) == "  hello\n\n\n☺█ß~\n" + std::string(79, ' ') + "x\ncursor: row 3, column 4, from 0\n");
}

TEST_CASE("screen: a terminal gets what has changed", "[screen]") {
  Screen before;
  put(before, 0, 0, "abc");
  const std::string all = screen_update(nullptr, before);
  CHECK(all.starts_with("\x1b[0m\x1b[2J\x1b[1;1H\x1b[0;37;40mabc "));
  CHECK(all.ends_with("\x1b[?25l"));
  CHECK(screen_update(&before, before).empty());

  Screen now = before;
  put(now, 0, 1, "XY", 0x1e);  // bright yellow on blue
  put(now, 24, 79, "\xb3", 0x1e);
  now.cursor = 81;
  CHECK(screen_update(&before, now) == "\x1b[1;2H\x1b[0;93;44mXY\x1b[25;80H│\x1b[0m\x1b[2;2H\x1b[?25h");
  Screen moved = now;
  moved.cursor = 0;
  CHECK(screen_update(&now, moved) == "\x1b[1;1H\x1b[?25h");
}

TEST_CASE("screen: bit 7 of an attribute is a bright background, or blinking", "[screen]") {
  const Screen before;
  Screen now;
  put(now, 0, 0, "a", 0xc0);
  CHECK(screen_update(&before, now) == "\x1b[1;1H\x1b[0;30;101ma\x1b[0m\x1b[?25l");
  now.blinks = true;
  CHECK(screen_update(nullptr, now).find("\x1b[0;30;41;5ma") != std::string::npos);
}

TEST_CASE("screen: as a picture", "[screen]") {
  Screen screen;
  put(screen, 0, 0, "\xdb", 0x0e);
  put(screen, 24, 79, " ", 0x40);
  put(screen, 1, 0, "A", 0x1f);
  screen.cursor = 2 * 80;
  const Picture picture(screen);
  CHECK(picture.image.width == 640);
  CHECK(picture.image.height == 400);
  CHECK(picture.dot(0, 0) == 0xffff55);
  CHECK(picture.dot(7, 15) == 0xffff55);
  CHECK(picture.dot(8, 0) == 0x000000);
  CHECK(picture.dot(639, 399) == 0xaa0000);
  CHECK(picture.dot(0, 16) == 0x0000aa);
  CHECK(picture.dot(3, 16 + 2) == 0xffffff);  // the top of the A
  CHECK(picture.dot(0, 2 * 16 + 13) == 0x000000);
  CHECK(picture.dot(0, 2 * 16 + 14) == 0xaaaaaa);  // the cursor
}
