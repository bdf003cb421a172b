#include "kernel64/sched.h"

#include <stddef.h>

#include "kernel64/kernel.h"

static struct task idle_task = {.name = "idle", .state = TASK_RUNNING, .next = &idle_task};
struct task* current_task = &idle_task;
struct task* task_ring = &idle_task;

static void start_task(void) {
  OUTERMOST_FRAME();
  __asm__ volatile("sti");
  current_task->entry();
  end_task();
}

void sched_init(void) {
  extern uint8_t boot_stack_top[];
  idle_task.stack_top = boot_stack_top;
}

void add_task(struct task* task, const char* name, void (*entry)(void), uint8_t* stack_top) {
  /* As if start_task had been called: the stack is eight short of sixteen-byte alignment, with no caller above. */
  uint64_t* const no_caller = (uint64_t*)stack_top - 1;
  *no_caller = 0;
  struct context* const context = (struct context*)no_caller - 1;
  *context = (struct context){.rip = start_task};

  struct task* last = task_ring;
  while (last->next != task_ring) last = last->next;
  *task = (struct task){
      .name = name,
      .id = last->id + 1,
      .state = TASK_READY,
      .context = context,
      .entry = entry,
      .stack_top = stack_top,
      .next = task_ring,
  };
  last->next = task;
}

static bool can_run(const struct task* task) { return task->state == TASK_READY || task->state == TASK_RUNNING; }

static struct task* pick_next(struct task* after) {
  for (struct task* task = after->next; task != after; task = task->next) {
    if (task != &idle_task && can_run(task)) return task;
  }
  return can_run(after) ? after : &idle_task;
}

void schedule(void) {
  struct task* const previous = current_task;
  struct task* const next = pick_next(previous);
  if (next == previous) return;
  if (previous->state == TASK_RUNNING) previous->state = TASK_READY;
  next->state = TASK_RUNNING;
  next->runs++;
  current_task = next;
  set_kernel_stack(next->stack_top);
  switch_context(&previous->context, next->context);
}

void wake_sleepers(uint64_t now) {
  struct task* task = task_ring;
  do {
    if (task->state == TASK_SLEEPING && task->wake_tick <= now) task->state = TASK_READY;
    task = task->next;
  } while (task != task_ring);
}

void sleep_ticks(uint64_t count) {
  __asm__ volatile("cli");
  current_task->wake_tick = ticks + count;
  current_task->state = TASK_SLEEPING;
  schedule();
  __asm__ volatile("sti");
}

_Noreturn void end_task(void) {
  __asm__ volatile("cli");
  current_task->state = TASK_DEAD;
  schedule();
  panic("a dead task runs");
}
