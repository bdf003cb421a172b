/* Text out: the UART at 0x3f8 for people, port 0xe9 for a log. */
#pragma once

/* 115200 8N1, FIFO on, interrupts off. */
void console_init(void);

/* To the UART. Knows %% %c %s %d %u %x and their l forms, %llx, and a width such as %4u or %08lx. */
__attribute__((format(printf, 1, 2))) void print(const char* format, ...);

/* To port 0xe9, as it is. */
void debug_print(const char* text);
