/*
 * The kernel's start. Words of the command line:
 *   ticks=N   power off after N timer ticks (100 a second); default 100
 *   forever   never power off
 *   panic     panic after 20 ticks             triple   triple fault after 20 ticks
 *   typing    lines typed on the serial line are printed again; "off" powers off
 *   int3      run an int3 of the kernel's own, once; its handler counts it
 */
#include <stddef.h>

#include "common/command_line.h"
#include "common/console.h"
#include "common/pvh.h"
#include "kernel64/kernel.h"
#include "kernel64/sched.h"

enum { kHertz = 100, kDefaultTicks = 100 };

struct options options;

static const char* command_line_of(uint64_t start_info) {
  const struct pvh_start_info* const info = from_physical(start_info);
  if (start_info == 0 || info->magic != kPvhMagic || info->command_line == 0) return "";
  return from_physical(info->command_line);
}

static void read_options(const char* line) {
  options = (struct options){
      .command_line = line,
      .tick_limit = has_word(line, "forever") ? 0 : word_value(line, "ticks", kDefaultTicks),
      .want_panic = has_word(line, "panic"),
      .want_breakpoint = has_word(line, "int3"),
      .want_triple_fault = has_word(line, "triple"),
      .want_typing = has_word(line, "typing"),
  };
}

static _Noreturn void idle(void) {
  for (;;) __asm__ volatile("sti; hlt");
}

_Noreturn void kernel_main(uint64_t start_info) {
  console_init();
  debug_print("kernel64\n");
  read_options(command_line_of(start_info));
  print("kernel64: command line \"%s\"\n", options.command_line);
  descriptors_init();
  paging_init();
  sched_init();
  start_tasks();
  timer_init(kHertz);
  if (options.want_typing) serial_init();
  idle();
}
