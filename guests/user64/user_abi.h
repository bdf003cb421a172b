/*
 * How user mode talks to the kernel: `syscall` or `int 0x80`, as it likes, with a call number in rax and arguments in
 * rdi and rsi; the result comes in rax. `syscall` destroys rcx and r11.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum user_call { USER_CALL_SAY = 1, USER_CALL_ADD = 2, USER_CALL_WAIT = 3, USER_CALL_EXIT = 4 };

/* Where gs points in user mode. */
struct user_thread {
  uint64_t magic; /* USER_THREAD_MAGIC */
  uint64_t calls;
};
#define USER_THREAD_MAGIC 0x7474747400000064ul

/* What the kernel tells the program before it starts. */
struct user_options {
  uint64_t rounds; /* until it exits; 0: never */
  bool want_breakpoint;
  bool has_avx;
};
extern struct user_options user_options;
extern struct user_thread user_thread;
extern uint8_t user_stack[1024];
void user_main(void);
