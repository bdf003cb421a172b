/* Descriptor tables and the way from an exception or interrupt into C (SDM volume 3, chapter 6). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/timer.h"
#include "common/vectors.h"

enum selector {
  KERNEL_CODE = 0x08,
  KERNEL_DATA = 0x10,
  USER_DATA = 0x18 | 3,
  USER_CODE = 0x20 | 3,
  TASK_STATE = 0x28,
};

/* The interrupted state, as traps.S pushes it. */
struct trap_frame {
  uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
  uint64_t vector;
  uint64_t error_code;
  uint64_t rip;
  uint64_t cs;
  uint64_t rflags;
  uint64_t rsp;
  uint64_t ss;
};

/* At the start of a function that nobody called: tells gdb that a back trace ends here. */
#define OUTERMOST_FRAME() __asm__ volatile(".cfi_undefined rip")

static inline bool from_user_mode(const struct trap_frame* frame) { return (frame->cs & 3) == 3; }

/* Loads GDT, IDT and TSS. */
void descriptors_init(void);
/* Where the next exception or interrupt from user mode finds its stack. */
void set_kernel_stack(void* top);
/* To CPL3 by IRETQ, with interrupts as `rflags` says. Comes back by exceptions only. */
_Noreturn void enter_user_mode(void (*code)(void), void* stack_top, uint64_t rflags);
/* What every exception and interrupt calls, interrupts off. The guest defines it. */
void handle_trap(struct trap_frame* frame);
