#include "common/machine.h"

#include "common/io.h"

_Noreturn void halt_forever(void) {
  for (;;) __asm__ volatile("cli; hlt");
}

_Noreturn void power_off(void) {
  outw(0x604, 0x2000);
  halt_forever();
}

_Noreturn void debug_exit(uint8_t code) {
  outb(0xf4, code);
  halt_forever();
}

_Noreturn void triple_fault(void) {
  static const struct __attribute__((packed)) {
    uint16_t limit;
    uintptr_t base;
  } no_table = {0, 0};
  __asm__ volatile("cli; lidt %0" : : "m"(no_table));
  /* A division error rather than ud2, which PVM's instruction emulator can't do outside user mode. */
  for (;;) __asm__ volatile("divb %b1" : : "a"(1), "q"(0));
}
