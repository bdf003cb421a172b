/* The text buffer at 0xb8000 and the CRT controller's cursor. */
#pragma once

#include <stdint.h>

enum { COLUMNS = 80, ROWS = 25 };

void screen_clear(uint8_t attribute);
/* Control characters are printed as the font has them. */
void screen_put(unsigned row, unsigned column, uint8_t attribute, const char* text);
void screen_cursor(unsigned row, unsigned column);
/* Where the CRT controller says that the cursor is: row * COLUMNS + column. */
unsigned screen_cursor_cell(void);
