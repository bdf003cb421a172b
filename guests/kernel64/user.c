/* The user-mode program: linked into pages of its own, runs at CPL3. */
#include <stdint.h>

#include "common/traps.h"
#include "kernel64/user_abi.h"

volatile uint64_t user_counter;
uint8_t user_stack[2048] __attribute__((aligned(16)));

static void call_kernel(enum user_call number, uint64_t argument) {
  __asm__ volatile("ud2" : : "a"((uint64_t)number), "D"(argument) : "memory");
}

static void count_up(uint64_t rounds) {
  for (uint64_t i = 0; i < rounds; i++) user_counter = user_counter + 1;
}

void user_main(void) {
  OUTERMOST_FRAME();
  volatile uint64_t* const saved = (volatile uint64_t*)USER_HEAP;
  call_kernel(USER_CALL_SAY, (uint64_t)"hello from user mode");
  for (;;) {
    count_up(50000);
    *saved = user_counter;
    call_kernel(USER_CALL_SLEEP, 2);
  }
}
