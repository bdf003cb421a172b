/* Text out: the UART at 0x3f8 for people, port 0xe9 for a log. */
#pragma once

/* 115200 8N1, FIFO on, interrupts off. */
void console_init(void);

/* To the UART, as format.h has it. */
__attribute__((format(printf, 1, 2))) void print(const char* format, ...);

/* To port 0xe9, as it is. */
void debug_print(const char* text);
