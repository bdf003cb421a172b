/* The user-mode program: linked into pages of its own, runs at CPL3. */
#include "paging32/user_abi.h"

volatile uint32_t user_rounds = 1;
volatile uint32_t user_wants_breakpoint;
uint8_t user_stack[1024] __attribute__((aligned(16)));

volatile uint32_t round;
volatile uint32_t total;
/* `neighbour` follows in memory, and is written in between. */
__attribute__((no_reorder)) volatile uint32_t watched = 1;
__attribute__((no_reorder)) volatile uint32_t neighbour = 2;

__attribute__((noinline)) uint32_t call_kernel(enum user_call call, uint32_t a, uint32_t b) {
  uint32_t result;
  __asm__ volatile(
      ".globl int80_point\n"
      "int80_point: int $0x80"
      : "=a"(result)
      : "a"(call), "b"(a), "c"(b)
      : "memory");
  return result;
}

__attribute__((noinline)) void write_watched(uint32_t value) {
  neighbour = value + 1;
  watched = value;
  neighbour = value + 2;
}

static void work(void) {
  total = call_kernel(USER_CALL_ADD, total, round);
  write_watched(total);
  call_kernel(USER_CALL_WAIT, 0, 0);
}

void user_main(void) {
  __asm__ volatile(".cfi_undefined eip"); /* nobody called: a back trace ends here */
  call_kernel(USER_CALL_SAY, (uint32_t)"hello from user mode", 0);
  if (user_wants_breakpoint != 0) __asm__ volatile("int3");
  do {
    round = round + 1;
    work();
  } while (round != user_rounds);
  call_kernel(USER_CALL_EXIT, total, 0);
}
