/* What the kernel's parts offer one another. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/timer.h"
#include "common/vectors.h"

enum selector {
  KERNEL_CODE = 0x08,
  KERNEL_DATA = 0x10,
  USER_CODE = 0x18 | 3,
  USER_DATA = 0x20 | 3,
  TASK_STATE = 0x28,
};

/* The interrupted state, as traps.S pushes it. */
struct trap_frame {
  uint32_t edi, esi, ebp, ebx, edx, ecx, eax;
  uint32_t vector;
  uint32_t error_code;
  uint32_t eip;
  uint32_t cs;
  uint32_t eflags;
  uint32_t esp; /* this and ss only from user mode */
  uint32_t ss;
};

static inline bool from_user_mode(const struct trap_frame* frame) { return (frame->cs & 3) == 3; }

/* descriptors.c: GDT, IDT and TSS. */
void descriptors_init(void);

/* paging.c: the kernel where it is, a window for call_log, and the program's pages; in 32-bit or PAE format. */
void paging_init(bool pae);

/* traps.S: to CPL3 by IRET. Comes back by exceptions and interrupts only. */
_Noreturn void enter_user_mode(void (*code)(void), void* stack_top);
/* main.c: what every exception and interrupt calls, interrupts off. */
void handle_trap(struct trap_frame* frame);

/* calls.c */
struct call {
  uint32_t number;
  uint32_t arguments[2];
  uint32_t result;
  uint32_t eip; /* of what follows the `int` */
};

enum { kLoggedCalls = 8 };

/* The latest calls. It lies at virtual 0xc0000000, physical 4 MiB, in a large page. */
struct call_log {
  uint32_t count;
  struct call calls[kLoggedCalls]; /* call n in calls[n % kLoggedCalls] */
};
extern struct call_log call_log;
extern volatile uint32_t syscalls_seen;
void handle_syscall(struct trap_frame* frame);

/* main.c */
extern volatile uint32_t ticks;
