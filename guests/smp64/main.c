/*
 * Several CPUs that all do the same work and count it, for a debugger that counts as well. The words of the command
 * line are in guests/README.md.
 */
#include <stddef.h>

#include "common/command_line.h"
#include "common/console.h"
#include "common/machine.h"
#include "common/pvh.h"
#include "common/traps.h"
#include "smp64/smp.h"

volatile unsigned long shared_counter;

static unsigned long rounds; /* 0: for ever */
static bool shared;
static bool events;
static bool halt;
static volatile bool work_begins;
static bool panicked;

/* The BSP's GDT and IDT serve all; only it has a TSS. */
static struct __attribute__((packed)) table_pointer {
  uint16_t limit;
  uint64_t base;
} gdt, idt;

/* To break at: gdb counts its hits, each CPU its visits. */
#define STATION(k)                                                                   \
  __attribute__((noinline)) void station_##k(struct cpu* cpu, unsigned long round) { \
    cpu->visits[k] = cpu->visits[k] + 1;                                             \
    cpu->hits = cpu->hits + 1;                                                       \
    __asm__ volatile("" : : "r"(round)); /* or gcc would not hand it over */         \
  }
STATION(0)
STATION(1)
STATION(2)
STATION(3)
STATION(4)
STATION(5)
STATION(6)
STATION(7)

__attribute__((noinline)) void touch_shared(void) { __asm__ volatile("lock incq %0" : "+m"(shared_counter) : : "cc"); }

static void work_round(struct cpu* cpu, unsigned long round) {
  station_0(cpu, round);
  station_1(cpu, round);
  station_2(cpu, round);
  station_3(cpu, round);
  station_4(cpu, round);
  station_5(cpu, round);
  station_6(cpu, round);
  station_7(cpu, round);
  if (shared) touch_shared();
  if (events) make_events(cpu);
  cpu->work_counter = cpu->work_counter + 1;
}

static void work_for_ever(struct cpu* cpu) {
  for (unsigned long round = 0;; round++) work_round(cpu, round);
}

static void work(struct cpu* cpu) {
  if (rounds == 0) work_for_ever(cpu);
  for (unsigned long round = 0; round < rounds; round++) work_round(cpu, round);
  cpu->finished = true;
}

void ap_main(struct cpu* cpu) {
  OUTERMOST_FRAME();
  __asm__ volatile("lgdt %0; lidt %1" : : "m"(gdt), "m"(idt));
  cpu->started = true;
  while (halt) __asm__ volatile("sti; hlt");
  while (!work_begins) __asm__ volatile("pause");
  work(cpu);
  halt_forever();
}

void handle_trap(struct trap_frame* frame) {
  if (mend_event(frame)) return;
  /* One CPU's line at a time: the first one's is the last. */
  if (!__atomic_test_and_set(&panicked, __ATOMIC_SEQ_CST)) {
    print("smp64: cpu %u: exception %lu, error %lx at %lx\n", this_cpu()->id, frame->vector, frame->error_code,
          frame->rip);
  }
  halt_forever();
}

/* With `rounds` only: waits for the others, tells what everyone did, and ends. */
static void report(void) {
  for (unsigned i = 0; i < cpu_count && !halt; i++) {
    while (!cpus[i].finished) __asm__ volatile("pause");
  }
  for (unsigned i = 0; i < cpu_count; i++) {
    print("cpu %u: %lu rounds, visits", i, cpus[i].work_counter);
    for (unsigned k = 0; k < kStations; k++) print(" %lu", cpus[i].visits[k]);
    print("\n");
    if (events) print("cpu %u: %lu faults, %lu writes, %lu loads\n", i, cpus[i].faults, cpus[i].writes, cpus[i].loads);
  }
  if (shared) print("shared: %lu\n", shared_counter);
  power_off();
}

void kernel_main(const struct pvh_start_info* info) {
  const char* line = "";
  if (info != NULL && info->magic == kPvhMagic && info->command_line != 0) line = (const char*)info->command_line;
  console_init();
  descriptors_init();
  __asm__ volatile("sgdt %0; sidt %1" : "=m"(gdt), "=m"(idt));
  rounds = word_value(line, "rounds", 0);
  shared = has_word(line, "shared");
  events = has_word(line, "events");
  prepare_events();
  halt = has_word(line, "halt");
  find_cpus(word_value(line, "cpus", kMaxCpus));
  start_cpus();
  print("smp64: %u CPUs\n", cpu_count);
  work_begins = true;
  work(&cpus[0]);
  report();
}
