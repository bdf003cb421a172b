#include "common/console.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

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

/* A 64-bit decimal number would need libgcc's division on a 32-bit machine, so decimals are as wide as a long. */
static char* decimal(unsigned long value, char* end) {
  do *--end = (char)('0' + value % 10);
  while ((value /= 10) != 0);
  return end;
}

static char* hexadecimal(unsigned long long value, char* end) {
  do *--end = "0123456789abcdef"[value & 15];
  while ((value >>= 4) != 0);
  return end;
}

static void put_padded(const char* text, unsigned width, char fill) {
  unsigned length = 0;
  while (text[length] != '\0') length++;
  for (; width > length; width--) put_char(fill);
  while (*text != '\0') put_char(*text++);
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
  for (; *format != '\0'; format++) {
    if (*format != '%') {
      put_char(*format);
      continue;
    }
    char buffer[24];
    char* end = buffer + sizeof buffer - 1;
    *end = '\0';
    const char fill = format[1] == '0' ? '0' : ' ';
    unsigned width = 0;
    unsigned longs = 0;
    while (*++format >= '0' && *format <= '9') width = width * 10 + (unsigned)(*format - '0');
    for (; *format == 'l'; format++) longs++;
    switch (*format) {
      case 's': put_padded(va_arg(arguments, const char*), width, ' '); break;
      case 'c': put_char((char)va_arg(arguments, int)); break;
      case 'd': {
        const long value = longs > 0 ? va_arg(arguments, long) : va_arg(arguments, int);
        char* text = decimal(value < 0 ? 0UL - (unsigned long)value : (unsigned long)value, end);
        if (value < 0) *--text = '-';
        put_padded(text, width, ' ');
        break;
      }
      case 'u':
        put_padded(decimal(longs > 0 ? va_arg(arguments, unsigned long) : va_arg(arguments, unsigned), end), width,
                   fill);
        break;
      case 'x': {
        const unsigned long long value = longs > 1   ? va_arg(arguments, unsigned long long)
                                         : longs > 0 ? va_arg(arguments, unsigned long)
                                                     : va_arg(arguments, unsigned);
        put_padded(hexadecimal(value, end), width, fill);
        break;
      }
      default: put_char(*format); break;
    }
  }
  va_end(arguments);
  restore_interrupts(flags);
}

void debug_print(const char* text) {
  while (*text != '\0') outb(kDebugConsole, (uint8_t)*text++);
}
