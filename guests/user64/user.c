/* The user-mode program: linked into pages of its own, runs at CPL3. */
#include "user64/user_abi.h"

#include "common/traps.h"

struct user_options user_options;
struct user_thread user_thread = {.magic = USER_THREAD_MAGIC};
uint8_t user_stack[1024] __attribute__((aligned(16)));

volatile uint64_t round;
volatile uint64_t total;
/* `neighbour` follows in memory, and is written in between. */
__attribute__((no_reorder)) volatile uint64_t watched = 1;
__attribute__((no_reorder)) volatile uint64_t neighbour = 2;

/* user.S */
void use_sse(void);
void use_avx(void);

__attribute__((noinline)) static uint64_t call_by_syscall(enum user_call call, uint64_t a, uint64_t b) {
  uint64_t result;
  __asm__ volatile(
      ".globl syscall_point\n"
      "syscall_point: syscall"
      : "=a"(result)
      : "a"((uint64_t)call), "D"(a), "S"(b)
      : "rcx", "r11", "memory");
  return result;
}

__attribute__((noinline)) static uint64_t call_by_int80(enum user_call call, uint64_t a, uint64_t b) {
  uint64_t result;
  __asm__ volatile(
      ".globl int80_point\n"
      "int80_point: int $0x80"
      : "=a"(result)
      : "a"((uint64_t)call), "D"(a), "S"(b)
      : "memory");
  return result;
}

static void count_call(void) { __asm__ volatile("incq %%gs:8" : : : "memory", "cc"); }

uint64_t call_kernel(enum user_call call, uint64_t a, uint64_t b) {
  count_call();
  return (user_thread.calls & 1) != 0 ? call_by_syscall(call, a, b) : call_by_int80(call, a, b);
}

__attribute__((noinline)) void write_watched(uint64_t value) {
  neighbour = value + 1;
  watched = value;
  neighbour = value + 2;
}

static void work(void) {
  total = call_kernel(USER_CALL_ADD, total, round);
  write_watched(total);
  use_sse();
  if (user_options.has_avx) use_avx();
  call_kernel(USER_CALL_WAIT, 0, 0);
  call_kernel(USER_CALL_ADD, round, 1); /* an odd number of calls: the next round has the other kinds */
}

void user_main(void) {
  OUTERMOST_FRAME();
  call_kernel(USER_CALL_SAY, (uint64_t)"hello by syscall", 0);
  call_kernel(USER_CALL_SAY, (uint64_t)"hello by int 0x80", 0);
  if (user_options.want_breakpoint) __asm__ volatile("int3");
  do {
    round = round + 1;
    work();
  } while (round != user_options.rounds);
  call_kernel(USER_CALL_EXIT, total, 0);
}
