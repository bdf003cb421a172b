#include "legacy32/screen.h"

#include "common/io.h"

enum { CRT_INDEX = 0x3d4, CRT_DATA = 0x3d5, CURSOR_HIGH = 0x0e, CURSOR_LOW = 0x0f };

static volatile uint16_t* const cells = (volatile uint16_t*)0xb8000;

void screen_clear(uint8_t attribute) {
  for (unsigned i = 0; i < COLUMNS * ROWS; i++) cells[i] = (uint16_t)(attribute << 8 | ' ');
}

void screen_put(unsigned row, unsigned column, uint8_t attribute, const char* text) {
  for (unsigned cell = row * COLUMNS + column; *text != 0; cell++, text++) {
    cells[cell] = (uint16_t)(attribute << 8 | (uint8_t)*text);
  }
}

void screen_cursor(unsigned row, unsigned column) {
  const unsigned cell = row * COLUMNS + column;
  outb(CRT_INDEX, CURSOR_HIGH);
  outb(CRT_DATA, (uint8_t)(cell >> 8));
  outb(CRT_INDEX, CURSOR_LOW);
  outb(CRT_DATA, (uint8_t)cell);
}

unsigned screen_cursor_cell(void) {
  outb(CRT_INDEX, CURSOR_HIGH);
  const unsigned high = inb(CRT_DATA);
  outb(CRT_INDEX, CURSOR_LOW);
  return high << 8 | inb(CRT_DATA);
}
