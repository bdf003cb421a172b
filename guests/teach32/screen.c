/*
 * The text screen: 80 by 25 cells at 0xb8000, a character and its colours each, and the cursor, which the CRT
 * controller keeps. The first row is a status line; the rest scrolls.
 */
#include "common/io.h"
#include "teach32/kernel.h"

enum { kCells = 0xb8000, kColumns = 80, kRows = 25, kTextStart = kColumns, kTextEnd = kColumns * kRows };
enum { kIndex = 0x3d4, kData = 0x3d5, kCursorHigh = 14, kCursorLow = 15 };
enum { kGreyOnBlack = 0x0700, kBlackOnGrey = 0x7000 };

static uint16_t* cells(void) { return virtual_of(kCells); }

static unsigned cursor(void) {
  outb(kIndex, kCursorHigh);
  const unsigned high = inb(kData);
  outb(kIndex, kCursorLow);
  return high << 8 | inb(kData);
}

static void set_cursor(unsigned at) {
  outb(kIndex, kCursorHigh);
  outb(kData, (uint8_t)(at >> 8));
  outb(kIndex, kCursorLow);
  outb(kData, (uint8_t)at);
}

static void fill(unsigned from, unsigned to, uint16_t cell) {
  for (unsigned i = from; i < to; i++) cells()[i] = cell;
}

void screen_init(void) {
  fill(0, kTextStart, kBlackOnGrey | ' ');
  fill(kTextStart, kTextEnd, kGreyOnBlack | ' ');
  set_cursor(kTextStart);
}

static void scroll(void) {
  memcpy(cells() + kTextStart, cells() + kTextStart + kColumns, (kRows - 2) * kColumns * sizeof(uint16_t));
  fill(kTextEnd - kColumns, kTextEnd, kGreyOnBlack | ' ');
}

static unsigned put(unsigned at, char c) {
  switch (c) {
    case '\n': at += kColumns - at % kColumns; break;
    case '\b': return at > kTextStart ? at - 1 : at;
    default: cells()[at++] = kGreyOnBlack | (uint8_t)c; break;
  }
  if (at < kTextEnd) return at;
  scroll();
  return at - kColumns;
}

void screen_write(const char* text, size_t size) {
  unsigned at = cursor();
  if (at < kTextStart || at >= kTextEnd) at = kTextStart;
  for (size_t i = 0; i < size; i++) at = put(at, text[i]);
  set_cursor(at);
}

void screen_status(unsigned column, const char* text) {
  for (; *text != '\0' && column < kColumns; column++) cells()[column] = kBlackOnGrey | (uint8_t)*text++;
}
