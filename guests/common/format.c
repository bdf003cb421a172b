#include "common/format.h"

#include <stdbool.h>

struct field {
  void (*put)(char c, void* where);
  void* where;
  unsigned width;
  char fill;
  bool to_the_left;
};

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

static void put_blanks(const struct field* field, unsigned length) {
  for (; length < field->width; length++) field->put(field->fill, field->where);
}

static void put_padded(const struct field* field, const char* text) {
  unsigned length = 0;
  while (text[length] != '\0') length++;
  if (!field->to_the_left) put_blanks(field, length);
  while (*text != '\0') field->put(*text++, field->where);
  if (field->to_the_left) put_blanks(field, length);
}

void format_text(void (*put)(char c, void* where), void* where, const char* format, va_list arguments) {
  for (; *format != '\0'; format++) {
    if (*format != '%') {
      put(*format, where);
      continue;
    }
    char buffer[24];
    char* end = buffer + sizeof buffer - 1;
    *end = '\0';
    struct field field = {.put = put, .where = where, .to_the_left = format[1] == '-', .fill = ' '};
    if (field.to_the_left) format++;
    if (format[1] == '0') field.fill = '0';
    unsigned longs = 0;
    while (*++format >= '0' && *format <= '9') field.width = field.width * 10 + (unsigned)(*format - '0');
    for (; *format == 'l'; format++) longs++;
    switch (*format) {
      case 's':
        field.fill = ' ';
        put_padded(&field, va_arg(arguments, const char*));
        break;
      case 'c': put((char)va_arg(arguments, int), where); break;
      case 'd': {
        const long value = longs > 0 ? va_arg(arguments, long) : va_arg(arguments, int);
        char* text = decimal(value < 0 ? 0UL - (unsigned long)value : (unsigned long)value, end);
        if (value < 0) *--text = '-';
        field.fill = ' ';
        put_padded(&field, text);
        break;
      }
      case 'u':
        put_padded(&field, decimal(longs > 0 ? va_arg(arguments, unsigned long) : va_arg(arguments, unsigned), end));
        break;
      case 'x': {
        const unsigned long long value = longs > 1   ? va_arg(arguments, unsigned long long)
                                         : longs > 0 ? va_arg(arguments, unsigned long)
                                                     : va_arg(arguments, unsigned);
        put_padded(&field, hexadecimal(value, end));
        break;
      }
      default: put(*format, where); break;
    }
  }
}
