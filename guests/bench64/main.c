/*
 * Loops for measuring a VMM, one per word of the command line; see `benches`. All counters are global.
 */
#include <stddef.h>
#include <stdint.h>

#include "common/command_line.h"
#include "common/console.h"
#include "common/io.h"
#include "common/machine.h"
#include "common/pvh.h"
#include "common/traps.h"

enum { kTimerHertz = 100, kNapHertz = 1000, kLineRounds = 8000 };

/* `mem` fills [kFillStart, kFillEnd): the quadword at address A becomes A * kFillFactor. */
static const uint64_t kFillStart = 16ull << 20;
static const uint64_t kFillEnd = 80ull << 20;
static const uint64_t kFillFactor = 0x9e3779b97f4a7c15ull;
static const uint64_t kUnbackedAddress = 0xd0000000ull;

volatile uint64_t counter;
volatile uint64_t timer_ticks;
volatile uint64_t line_sum;
volatile uint64_t fill_done;

static uint8_t user_stack[4096] __attribute__((aligned(16)));
static uint8_t trap_stack[4096] __attribute__((aligned(16)));

static void spin(void) {
  for (;;) counter = counter + 1;
}

/* For breakpoints and their conditions. */
__attribute__((noinline)) void bench_hit(int i) { counter = (uint64_t)i; }

static void calls(void) {
  for (int i = 0;; i = (i + 1) & 0x7fffffff) bench_hit(i);
}

/* The loop is one source line of some 40 000 instructions, without calls: `next` over it. */
__attribute__((noinline)) void bench_line(void) {
  counter = counter + 1;
  for (uint64_t i = 0; i < kLineRounds; i++) line_sum = line_sum + i;
  counter = counter + 1;
}

static void line(void) {
  for (;;) bench_line();
}

static void pio(void) {
  for (;; counter = counter + 1) outb(0x80, 0);
}

static void mmio(void) {
  for (;; counter = counter + 1) (void)*(volatile const uint32_t*)kUnbackedAddress;
}

static void sleep_often(unsigned hertz) {
  timer_init(hertz);
  for (;; counter = counter + 1) __asm__ volatile("sti; hlt");
}

static void hlt(void) { sleep_often(kTimerHertz); }

static void nap(void) { sleep_often(kNapHertz); }

static void user_spin(void) {
  OUTERMOST_FRAME();
  for (;;) counter = counter + 1;
}

static void user(void) { enter_user_mode(user_spin, user_stack + sizeof user_stack, 2); }

/* In user mode, as that runs natively on every host. */
static void fill_memory(void) {
  OUTERMOST_FRAME();
  for (uint64_t address = kFillStart; address < kFillEnd; address += 8) *(uint64_t*)address = address * kFillFactor;
  __asm__ volatile("ud2" : : : "memory");
}

__attribute__((noinline)) void memory_filled(void) { fill_done = 1; }

static void mem(void) { enter_user_mode(fill_memory, user_stack + sizeof user_stack, 2); }

void handle_trap(struct trap_frame* frame) {
  if (frame->vector == TIMER_INTERRUPT) {
    timer_ticks = timer_ticks + 1;
    end_of_timer_interrupt();
  } else if (frame->vector == INVALID_OPCODE && from_user_mode(frame)) {
    memory_filled();
    print("filled\n");
    spin();
  } else {
    print("exception %lu at %lx\n", frame->vector, frame->rip);
    halt_forever();
  }
}

static const struct bench {
  const char* word;
  void (*run)(void);
} benches[] = {
    {"spin", spin},   /* counter++ for ever */
    {"calls", calls}, /* bench_hit(0), bench_hit(1), … */
    {"line", line},   /* bench_line() for ever */
    {"pio", pio},     /* writes port 0x80 */
    {"mmio", mmio},   /* reads where nothing answers */
    {"hlt", hlt},     /* sleeps until a timer interrupt, 100 a second */
    {"nap", nap},     /* the same, 1000 a second */
    {"user", user},   /* counter++ for ever at CPL3 */
    {"mem", mem},     /* fills 64 MiB at 16 MiB, then spins; says "filled" */
};

static const struct bench* choose(const char* command_line) {
  for (size_t i = 1; i < sizeof benches / sizeof benches[0]; i++) {
    if (has_word(command_line, benches[i].word)) return &benches[i];
  }
  return &benches[0];
}

void kernel_main(const struct pvh_start_info* info) {
  const char* command_line = "";
  if (info != NULL && info->magic == kPvhMagic && info->command_line != 0)
    command_line = (const char*)info->command_line;
  console_init();
  descriptors_init();
  set_kernel_stack(trap_stack + sizeof trap_stack);
  const struct bench* const bench = choose(command_line);
  print("bench64: %s\n", bench->word);
  bench->run();
}
