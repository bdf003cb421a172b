/* What the kernel's parts offer one another. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/traps.h"

/* Where gs points in the kernel; syscall_entry.S knows the first two. */
struct per_cpu {
  uint64_t user_stack; /* while `syscall` changes stacks */
  void* kernel_stack;
  struct per_cpu* self;
  uint64_t last_call;
  bool by_syscall; /* how that call came */
};
extern struct per_cpu boot_cpu;
/* The same through gs: `this_cpu->last_call`. */
static struct per_cpu __seg_gs* const this_cpu = 0;

static inline void swap_gs(void) { __asm__ volatile("swapgs" : : : "memory"); }

/* cpu.c */
extern bool avx_enabled;
/* SSE and, where there is any, AVX for user mode; SYSCALL; both gs bases. */
void cpu_init(void);

/* syscall_entry.S: where LSTAR points. Calls handle_syscall, interrupts off. */
void syscall_entry(void);
void handle_syscall(struct trap_frame* frame);

/* calls.c */
extern volatile uint64_t syscalls_seen;
extern volatile uint64_t int80_seen;
void handle_int80(struct trap_frame* frame);

/* main.c */
extern volatile uint64_t ticks;
