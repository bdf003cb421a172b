/*
 * What a debugger can watch for and catch, each as a job of its own: see `jobs`. The command line says which, and
 * rounds=N (default 10) how often. Every job counts what it does, says so on the console, and can be told apart from
 * one that a debugger disturbed. In the end the machine is powered off.
 */
#include <stddef.h>

#include "common/command_line.h"
#include "common/console.h"
#include "common/io.h"
#include "common/machine.h"
#include "common/pvh.h"
#include "traps64/traps64.h"

enum { kTimerHertz = 100, kDefaultRounds = 10 };
enum { kKeyboardController = 0x64, kPulseReset = 0xfe };

volatile uint64_t timer_ticks;

static void job_reset(uint64_t rounds) {
  (void)rounds;
  outb(kKeyboardController, kPulseReset);
  halt_forever();
}

static void job_triple(uint64_t rounds) {
  (void)rounds;
  triple_fault();
}

static const struct job {
  const char* word;
  void (*run)(uint64_t rounds);
} jobs[] = {
    {"writes", job_writes},       /* stores of all kinds, into pages that hold nothing else */
    {"stack", job_stack},         /* a local variable that changes */
    {"patch", job_patch},         /* rewrites a function's first instruction between its calls */
    {"move", job_move},           /* copies a function to where it is linked, byte by byte, and calls it; twice */
    {"movs", job_movs},           /* the same by `rep movsb` */
    {"cr3", job_cr3},             /* two page-table roots, which mean different code by one address */
    {"msr", job_msr},             /* writes and reads IA32_KERNEL_GS_BASE */
    {"ports", job_ports},         /* writes port 0xe9, reads a register of the CMOS */
    {"mmio", job_mmio},           /* writes and reads where nothing answers */
    {"fault", job_fault},         /* #PF, #DE and #GP, each handled */
    {"debugregs", job_debugregs}, /* own execute breakpoint */
    {"debugdata", job_debugdata}, /* own data watchpoint */
    {"trapflag", job_trapflag},   /* own single steps */
    {"hypercall", job_hypercall}, /* VMCALL, which not every host survives */
    {"reset", job_reset},         /* by the keyboard controller; again and again */
    {"triple", job_triple},       /* a triple fault */
};

void handle_trap(struct trap_frame* frame) {
  if (frame->vector == TIMER_INTERRUPT) {
    timer_ticks = timer_ticks + 1;
    end_of_timer_interrupt();
  } else if (frame->vector == DEBUG) {
    handle_debug_exception(frame);
  } else if (!mend_fault(frame)) {
    print("exception %lu, error code %lx at %lx\n", frame->vector, frame->error_code, frame->rip);
    debug_exit(1);
  }
}

CALLED void jobs_done(void) { print("traps64: done\n"); }

void kernel_main(uint64_t start_info) {
  const struct pvh_start_info* const info = (const void*)(KERNEL_BASE + start_info);
  const char* line = "";
  if (start_info != 0 && info->magic == kPvhMagic && info->command_line != 0)
    line = (const char*)(KERNEL_BASE + info->command_line);
  console_init();
  descriptors_init();
  print("traps64: %s\n", line);
  if (has_word(line, "timer")) { /* while all that */
    timer_init(kTimerHertz);
    __asm__ volatile("sti");
  }
  const uint64_t rounds = word_value(line, "rounds", kDefaultRounds);
  for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++) {
    if (has_word(line, jobs[i].word)) jobs[i].run(rounds);
  }
  jobs_done();
  power_off();
}
