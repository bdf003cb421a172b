/*
 * How user mode talks to the kernel: `int 0x80` with a call number in eax and arguments in ebx and ecx; the result
 * comes in eax.
 */
#pragma once

#include <stdint.h>

enum user_call { USER_CALL_SAY = 1, USER_CALL_ADD = 2, USER_CALL_WAIT = 3, USER_CALL_EXIT = 4 };

/* The kernel sets these before it enters user_main. */
extern volatile uint32_t user_rounds; /* until it exits; 0: never */
extern volatile uint32_t user_wants_breakpoint;

extern uint8_t user_stack[1024];
void user_main(void);
