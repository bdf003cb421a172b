/*
 * A kernel that does little but serve one user-mode program, by SYSCALL/SYSRET and by INT 0x80/IRETQ in turn. Words of
 * the command line: rounds=N  the program exits, and the machine powers off, after N rounds (default 10) forever   it
 * never exits             ticks=N   power off after N timer ticks (100 a second), whatever it does int3      kernel and
 * program each run an int3 of their own, once, counted in `breakpoints_seen`
 */
#include <stddef.h>

#include "common/command_line.h"
#include "common/console.h"
#include "common/machine.h"
#include "common/paging.h"
#include "common/pvh.h"
#include "user64/kernel.h"
#include "user64/user_abi.h"

enum { kHertz = 100, kDefaultRounds = 10, kInterruptsOn = 0x202 };

volatile uint64_t ticks;
volatile uint64_t breakpoints_seen;
static uint64_t tick_limit;

void timer_tick(void) {
  ticks = ticks + 1;
  end_of_timer_interrupt();
  if (ticks != tick_limit) return;
  print("%lu ticks: power off\n", ticks);
  power_off();
}

static _Noreturn void die(const struct trap_frame* frame) {
  print("%s mode: exception %lu, error code %lx, rip %016lx, rsp %016lx\n", from_user_mode(frame) ? "user" : "kernel",
        frame->vector, frame->error_code, frame->rip, frame->rsp);
  halt_forever();
}

static void dispatch(struct trap_frame* frame) {
  switch (frame->vector) {
    case TIMER_INTERRUPT: timer_tick(); break;
    case SPURIOUS_INTERRUPT: break;
    case BREAKPOINT: breakpoints_seen = breakpoints_seen + 1; break;
    case USER_INTERRUPT: handle_int80(frame); break;
    default: die(frame);
  }
}

void handle_trap(struct trap_frame* frame) {
  const bool other_gs = from_user_mode(frame);
  if (other_gs) swap_gs();
  dispatch(frame);
  if (other_gs) swap_gs();
}

static const char* command_line_of(uint64_t start_info) {
  const struct pvh_start_info* const info = from_physical(start_info);
  if (start_info == 0 || info->magic != kPvhMagic || info->command_line == 0) return "";
  return from_physical(info->command_line);
}

/* In assembly, as the kernel's code model cannot address the program's variables directly. */
static void tell_user(struct user_options options) {
  const void* from = &options;
  void* to = &user_options;
  size_t size = sizeof options;
  __asm__ volatile("rep movsb" : "+S"(from), "+D"(to), "+c"(size) : : "memory");
}

_Noreturn void kernel_main(uint64_t start_info) {
  console_init();
  debug_print("user64\n");
  const char* const command_line = command_line_of(start_info);
  print("user64: command line \"%s\"\n", command_line);
  descriptors_init();
  paging_init();
  map_user_program();
  cpu_init();
  tick_limit = word_value(command_line, "ticks", 0);
  tell_user((struct user_options){
      .rounds = has_word(command_line, "forever") ? 0 : word_value(command_line, "rounds", kDefaultRounds),
      .want_breakpoint = has_word(command_line, "int3"),
      .has_avx = avx_enabled,
  });
  timer_init(kHertz);
  print("entering user mode, AVX %s\n", avx_enabled ? "on" : "not there");
  if (has_word(command_line, "int3")) __asm__ volatile("int3");
  swap_gs();
  enter_user_mode(user_main, user_stack + sizeof user_stack, kInterruptsOn);
}
