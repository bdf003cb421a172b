#include "common/console.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "common/format.h"
#include "common/io.h"

enum { kUart = 0x3f8, kDebugConsole = 0xe9, kTransmitterEmpty = 0x20 };

void console_init(void) {
  outb(kUart + 1, 0);
  outb(kUart + 3, 0x80);
  outb(kUart + 0, 1);
  outb(kUart + 1, 0);
  outb(kUart + 3, 0x03);
  outb(kUart + 2, 0x07);
}

static void put_char(char c) {
  if (c == '\n') put_char('\r');
  while ((inb(kUart + 5) & kTransmitterEmpty) == 0) {
  }
  outb(kUart, (uint8_t)c);
}

static void put(char c, void* unused) {
  (void)unused;
  put_char(c);
}

/* Text of an interrupt handler or of another task never tears a line. */
static unsigned long save_and_stop_interrupts(void) {
  unsigned long flags;
  __asm__ volatile("pushf; pop %0; cli" : "=r"(flags) : : "memory");
  return flags;
}

static void restore_interrupts(unsigned long flags) {
  __asm__ volatile("push %0; popf" : : "r"(flags) : "memory", "cc");
}

void print(const char* format, ...) {
  const unsigned long flags = save_and_stop_interrupts();
  va_list arguments;
  va_start(arguments, format);
  format_text(put, NULL, format, arguments);
  va_end(arguments);
  restore_interrupts(flags);
}

void debug_print(const char* text) {
  while (*text != '\0') outb(kDebugConsole, (uint8_t)*text++);
}
