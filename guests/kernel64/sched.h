/* Round-robin scheduling of kernel tasks. */
#pragma once

#include <stdint.h>

enum task_state { TASK_READY, TASK_RUNNING, TASK_SLEEPING, TASK_DEAD };

/* What switch_context leaves on the stack of a task that is not running. */
struct context {
  uint64_t r15, r14, r13, r12, rbp, rbx;
  void (*rip)(void);
};

struct task {
  const char* name;
  unsigned id;
  enum task_state state;
  uint64_t runs;      /* how often it was switched to */
  uint64_t wake_tick; /* of a sleeping task */
  struct context* context;
  void (*entry)(void);
  uint8_t* stack_top;
  struct task* next; /* a ring */
};

extern struct task* current_task;
extern struct task* task_ring;

/* The caller's context becomes the idle task, which runs when nothing else can. */
void sched_init(void);
void add_task(struct task* task, const char* name, void (*entry)(void), uint8_t* stack_top);
/* Switches to the next task that can run. Interrupts off. */
void schedule(void);
void wake_sleepers(uint64_t now);
void sleep_ticks(uint64_t count);
_Noreturn void end_task(void);

/* switch.S: pushes a struct context, stores where in *save, and continues from `load`. */
void switch_context(struct context** save, struct context* load);
