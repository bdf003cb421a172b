/* Port I/O. */
#pragma once

#include <stdint.h>

static inline void outb(uint16_t port, uint8_t value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static inline void outw(uint16_t port, uint16_t value) { __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port)); }
static inline uint8_t inb(uint16_t port) {
  uint8_t value;
  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

/* `count` words of 32 bits between a port and memory. */
static inline void insl(uint16_t port, void* to, uint32_t count) {
  __asm__ volatile("rep insl" : "+D"(to), "+c"(count) : "d"(port) : "memory");
}
static inline void outsl(uint16_t port, const void* from, uint32_t count) {
  __asm__ volatile("rep outsl" : "+S"(from), "+c"(count) : "d"(port) : "memory");
}
