/* COM1, a 16550: National Semiconductor PC16550D data sheet, section 8. It interrupts for what comes in; going out it
 * is polled. */
#include "common/io.h"
#include "teach32/kernel.h"

enum { kPort = 0x3f8, kDivisorLatch = 0x80, kEightBits = 0x03, kReceived = 1, kTransmitterEmpty = 0x20 };

void serial_init(void) {
  outb(kPort + 2, 0); /* no FIFO */
  outb(kPort + 3, kDivisorLatch);
  outb(kPort + 0, 1); /* 115 200 bits a second */
  outb(kPort + 1, 0);
  outb(kPort + 3, kEightBits);
  outb(kPort + 4, 0x0b); /* DTR, RTS, and OUT2, which on a PC lets interrupts through */
  outb(kPort + 1, kReceived);
  (void)inb(kPort + 2); /* what was pending is forgotten */
  (void)inb(kPort);
}

static void put(char c) {
  while ((inb(kPort + 5) & kTransmitterEmpty) == 0) {
  }
  outb(kPort, (uint8_t)c);
}

void serial_write(const char* text, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (text[i] == '\n') put('\r');
    put(text[i]);
  }
}

void serial_interrupt(void) {
  while ((inb(kPort + 5) & kReceived) != 0) console_typed((char)inb(kPort));
}
