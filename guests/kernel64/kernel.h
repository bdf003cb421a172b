/* What the kernel's parts offer one another. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/paging.h"
#include "common/traps.h"

/* main.c: what the command line asks for. */
struct options {
  const char* command_line;
  uint64_t tick_limit; /* power off after so many timer ticks; 0: never */
  bool want_panic;
  bool want_breakpoint;
  bool want_triple_fault;
  bool want_typing;
};
extern struct options options;

/* timer.c */
extern volatile uint64_t ticks;
void timer_tick(void);

/* serial.c: typing on the serial line, once the PICs are set up. */
void serial_init(void);
void serial_interrupt(void);

/* tasks.c */
void start_tasks(void);
extern volatile uint64_t counter;
extern volatile uint64_t breakpoints_seen;

/* user_calls.c: user mode's way in. */
void run_user_program(void);
void handle_user_call(struct trap_frame* frame);
bool handle_user_page_fault(const struct trap_frame* frame, uint64_t address);

/* panic.c */
_Noreturn void panic(const char* why);
_Noreturn void panic_at_trap(const struct trap_frame* frame);
