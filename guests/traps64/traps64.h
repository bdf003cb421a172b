/* What the guest's parts offer one another: the jobs, and the handlers of exceptions. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/traps.h"

/* Not to be inlined, cloned or reasoned about: a breakpoint at it is hit as often as it is called. */
#define CALLED __attribute__((noipa))

/* writes.c */
void job_writes(uint64_t rounds);
void job_stack(uint64_t rounds);

/* code.c: code that changes. */
void job_patch(uint64_t rounds);
void job_move(uint64_t rounds);
void job_movs(uint64_t rounds);

/* spaces.c: two page-table roots. */
void job_cr3(uint64_t rounds);

/* accesses.c: what leaves the CPU. */
void job_msr(uint64_t rounds);
void job_ports(uint64_t rounds);
void job_mmio(uint64_t rounds);
void job_hypercall(uint64_t rounds);

/* faults.c: exceptions that a handler mends by going on at `mended_rip`. */
void job_fault(uint64_t rounds);
bool mend_fault(struct trap_frame* frame);

/* debug_registers.c: the guest debugs itself. */
void job_debugregs(uint64_t rounds);
void job_debugdata(uint64_t rounds);
void job_trapflag(uint64_t rounds);
void handle_debug_exception(struct trap_frame* frame);
