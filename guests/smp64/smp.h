/* The CPUs: found in the MP table, started through the local APIC. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/traps.h"

enum { kMaxCpus = 32, kStations = 8 };

struct cpu {
  uint8_t* stack_top; /* first: ap_start.S reads it */
  unsigned id;        /* index in `cpus` */
  unsigned apic_id;
  volatile bool started;
  volatile bool finished;
  volatile unsigned long work_counter;          /* rounds done */
  volatile unsigned long hits;                  /* of any station */
  volatile unsigned long visits[kStations];     /* of each station */
  volatile unsigned long faults, writes, loads; /* made by make_events() and survived */
};

extern struct cpu cpus[kMaxCpus]; /* cpus[0] is the BSP */
extern unsigned cpu_count;
extern struct cpu* cpu_of_apic[256];

/* Fills `cpus` with up to `limit` CPUs from the MP table, or with the BSP alone where there is none. */
void find_cpus(unsigned long limit);
/* Starts all but the BSP, one after the other; says so on the console. Those that don't come are dropped from `cpus`.
 */
void start_cpus(void);
/* The one that asks. */
struct cpu* this_cpu(void);

/* What a started CPU calls, on its stack. main.c defines it. */
void ap_main(struct cpu* cpu);

/* events.c */
void prepare_events(void);
void make_events(struct cpu* cpu);
/* False: the exception is none of those. */
bool mend_event(struct trap_frame* frame);
