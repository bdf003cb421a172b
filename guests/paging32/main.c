/*
 * A 32-bit kernel with paging that serves one user-mode program. Words of the command line:
 *   pae       PAE paging, not 32-bit paging
 *   rounds=N  the program exits, and the machine powers off, after N rounds (default 10)
 *   forever   it never exits             ticks=N   power off after N timer ticks (100 a second), whatever it does
 *   int3      kernel and program each run an int3 of their own, once, counted in `breakpoints_seen`
 */
#include "common/command_line.h"
#include "common/console.h"
#include "common/machine.h"
#include "common/multiboot.h"
#include "paging32/kernel.h"
#include "paging32/user_abi.h"

enum { kHertz = 100, kDefaultRounds = 10 };

volatile uint32_t ticks;
volatile uint32_t breakpoints_seen;

static struct {
  bool pae;
  bool want_breakpoint;
  uint32_t tick_limit;
  uint32_t rounds;
} options;

void timer_tick(void) {
  ticks = ticks + 1;
  end_of_timer_interrupt();
  if (ticks != options.tick_limit) return;
  print("%u ticks: power off\n", ticks);
  power_off();
}

static _Noreturn void die(const struct trap_frame* frame) {
  print("%s mode: exception %u, error code %x, eip %08x\n", from_user_mode(frame) ? "user" : "kernel", frame->vector,
        frame->error_code, frame->eip);
  halt_forever();
}

void handle_trap(struct trap_frame* frame) {
  switch (frame->vector) {
    case TIMER_INTERRUPT: timer_tick(); break;
    case SPURIOUS_INTERRUPT: break;
    case BREAKPOINT: breakpoints_seen = breakpoints_seen + 1; break;
    case USER_INTERRUPT: handle_syscall(frame); break;
    default: die(frame);
  }
}

static void read_options(const struct multiboot_info* info) {
  const char* const line = (info->flags & kMultibootHasCommandLine) != 0 ? (const char*)info->command_line : "";
  print("paging32: command line \"%s\"\n", line);
  options.pae = has_word(line, "pae");
  options.want_breakpoint = has_word(line, "int3");
  options.tick_limit = word_value(line, "ticks", 0);
  options.rounds = has_word(line, "forever") ? 0 : word_value(line, "rounds", kDefaultRounds);
}

void kernel_main(uint32_t magic, const struct multiboot_info* info) {
  console_init();
  debug_print("paging32\n");
  if (magic != kMultibootBootMagic) {
    print("no multiboot loader: magic %x\n", magic);
    return;
  }
  read_options(info);
  descriptors_init();
  paging_init(options.pae);
  timer_init(kHertz);
  print("%s paging is on, entering user mode\n", options.pae ? "PAE" : "32-bit");
  user_rounds = options.rounds;
  user_wants_breakpoint = options.want_breakpoint;
  if (options.want_breakpoint) __asm__ volatile("int3");
  enter_user_mode(user_main, user_stack + sizeof user_stack);
}
