/* Formatted text, one character after the other. */
#pragma once

#include <stdarg.h>

/*
 * Knows %% %c %s %d %u %x and their l forms, %llx, and a width such as %4u or %08lx (for %s a negative one, too: %-8s
 * puts the blanks behind).
 */
void format_text(void (*put)(char c, void* where), void* where, const char* format, va_list arguments);
