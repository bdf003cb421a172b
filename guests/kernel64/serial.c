/* What is typed on the first serial line, by its receive interrupt. */
#include <stddef.h>

#include "common/console.h"
#include "common/io.h"
#include "common/machine.h"
#include "kernel64/kernel.h"

enum { kUart = 0x3f8, kDataReady = 1, kMaster = 0x20, kEndOfInterrupt = 0x20, kSerialLine = 4 };

char typed[64];
uint64_t serial_interrupts;
static size_t typed_length;

void serial_init(void) {
  outb(kUart + 4, 0x0b); /* DTR, RTS, and OUT2, which lets interrupts through */
  outb(kUart + 1, 0x01); /* when data is there */
  outb(kMaster + 1, inb(kMaster + 1) & (uint8_t)~(1 << kSerialLine));
}

__attribute__((noinline)) void line_typed(void) {
  print("typed: %s\n", typed);
  if (typed[0] == 'o' && typed[1] == 'f' && typed[2] == 'f') power_off();
  typed_length = 0;
}

void serial_interrupt(void) {
  serial_interrupts++;
  while (inb(kUart + 5) & kDataReady) {
    const char c = (char)inb(kUart);
    typed[typed_length] = c == '\r' || c == '\n' ? '\0' : c;
    if (typed[typed_length] == '\0' || ++typed_length == sizeof typed - 1) {
      typed[typed_length] = '\0';
      line_typed();
    }
  }
  outb(kMaster, kEndOfInterrupt);
}
