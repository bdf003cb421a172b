/* The time of day in the status line: MC146818 data sheet, the battery-backed clock and its 64 bytes of CMOS memory. */
#include "common/io.h"
#include "teach32/kernel.h"

enum { kIndex = 0x70, kData = 0x71 };
enum { kSecond = 0, kMinute = 2, kHour = 4, kStatusA = 10, kStatusB = 11 };
enum { kUpdating = 0x80, kBinary = 4 };
enum { kClockColumn = 71 };

static uint8_t get(uint8_t index) {
  outb(kIndex, index);
  return inb(kData);
}

static void put_number(char* at, uint8_t value, bool binary) {
  at[0] = (char)('0' + (binary ? value / 10 : value >> 4));
  at[1] = (char)('0' + (binary ? value % 10 : value & 0xf));
}

void show_clock(void) {
  char text[] = "00:00:00";
  for (;;) {
    while ((get(kStatusA) & kUpdating) != 0) {
    }
    const bool binary = (get(kStatusB) & kBinary) != 0;
    put_number(text, get(kHour), binary);
    put_number(text + 3, get(kMinute), binary);
    put_number(text + 6, get(kSecond), binary);
    screen_status(kClockColumn, text);
    sleep_ticks(kHertz);
  }
}
