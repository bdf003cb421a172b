/*
 * Processes and who runs when. Each CPU has a scheduler with a stack of its own; it switches to a process and gets the
 * CPU back when that yields, sleeps or ends. `table_lock` is held across every switch: taken on one stack, released on
 * the other.
 */
#include "teach32/kernel.h"

struct process processes[kMostProcesses];
static struct lock table_lock;
static unsigned last_id;

struct process* current_process(void) {
  interrupts_off();
  struct process* const process = this_cpu()->current;
  interrupts_back();
  return process;
}

/* A process is born. */

static struct process* unused_slot(void) {
  acquire(&table_lock);
  struct process* found = NULL;
  for (struct process* each = processes; found == NULL && each < processes + kMostProcesses; each++) {
    if (each->state == UNUSED) found = each;
  }
  if (found != NULL) *found = (struct process){.state = STARTING, .id = ++last_id, .parent = current_process()};
  release(&table_lock);
  return found;
}

/* The first that runs on a new stack, with the scheduler's lock. */
_Noreturn void start_process(void) {
  struct process* const me = this_cpu()->current;
  release(&table_lock);
  if (me->entry == NULL) return_to_user(me->user);
  me->entry();
  end_process(0);
}

struct process* new_process(const char* name) {
  extern const char first_return[];
  struct process* const process = unused_slot();
  if (process == NULL) return NULL;
  for (unsigned i = 0; i < kNameSize - 1 && name[i] != '\0'; i++) process->name[i] = name[i];
  process->kernel_stack = alloc_page();
  process->user = (struct trap_frame*)(process->kernel_stack + PAGE_SIZE) - 1;
  process->context = (struct context*)process->user - 1;
  process->context->eip = (uint32_t)first_return;
  return process;
}

/* With table_lock, or before anybody knows the process. */
static void free_process(struct process* process) {
  free_page(process->kernel_stack);
  if (process->directory != NULL) free_space(process->directory);
  process->state = UNUSED;
}

void give_up_process(struct process* process) { free_process(process); }

void make_ready(struct process* process) {
  acquire(&table_lock);
  process->state = READY;
  release(&table_lock);
}

void start_kernel_process(const char* name, void (*entry)(void)) {
  struct process* const process = new_process(name);
  if (process == NULL) panic("too many processes");
  process->entry = entry;
  make_ready(process);
}

/* It runs. */

static struct process* next_ready(unsigned* turn) {
  for (unsigned i = 0; i < kMostProcesses; i++) {
    *turn = (*turn + 1) % kMostProcesses;
    if (processes[*turn].state == READY) return &processes[*turn];
  }
  return NULL;
}

static void run(struct cpu* cpu, struct process* process) {
  cpu->current = process;
  cpu->task_state.kernel_stack = process->kernel_stack + PAGE_SIZE;
  process->state = RUNNING;
  if (process->directory != NULL) use_space(process->directory);
  switch_context(&cpu->scheduler, process->context);
  cpu->interrupts_were_on = true; /* for the scheduler; the process may have come here from an interrupt */
  use_kernel_space();             /* the process may go on and end on another CPU, and its directory with it */
  cpu->current = NULL;
  if (process->state == ENDED && process->parent == NULL) free_process(process);
}

_Noreturn void scheduler(void) {
  struct cpu* const cpu = this_cpu();
  unsigned turn = 0;
  __asm__ volatile("sti");
  for (;;) {
    acquire(&table_lock);
    struct process* const process = next_ready(&turn);
    if (process != NULL) run(cpu, process);
    release(&table_lock);
    if (process == NULL) __asm__ volatile("hlt");
  }
}

/* With table_lock, and no other. Whether interrupts were on belongs to this stack, not to the CPU. */
static void switch_to_scheduler(struct process* me) {
  struct cpu* const cpu = this_cpu();
  if (!holding(&table_lock) || cpu->interrupts_off_depth != 1 || me->state == RUNNING) panic("a switch at a bad time");
  const bool were_on = cpu->interrupts_were_on;
  switch_context(&me->context, cpu->scheduler);
  this_cpu()->interrupts_were_on = were_on;
}

void yield(void) {
  acquire(&table_lock);
  struct process* const me = current_process();
  me->state = READY;
  switch_to_scheduler(me);
  release(&table_lock);
}

/* It waits. */

/* From `lock` to table_lock without a moment in between: wake_all needs the latter, so no wake-up is lost. */
void sleep_on(const volatile void* what, struct lock* lock) {
  struct process* const me = current_process();
  if (lock != &table_lock) {
    acquire(&table_lock);
    release(lock);
  }
  me->sleeping_on = what;
  me->state = SLEEPING;
  switch_to_scheduler(me);
  me->sleeping_on = NULL;
  if (lock != &table_lock) {
    release(&table_lock);
    acquire(lock);
  }
}

static void wake_with_lock(const volatile void* what) {
  for (struct process* each = processes; each < processes + kMostProcesses; each++) {
    if (each->state == SLEEPING && each->sleeping_on == what) each->state = READY;
  }
}

void wake_all(const volatile void* what) {
  acquire(&table_lock);
  wake_with_lock(what);
  release(&table_lock);
}

void sleep_ticks(uint32_t count) {
  acquire(&table_lock);
  const uint32_t start = ticks;
  while (ticks - start < count) sleep_on(&ticks, &table_lock);
  release(&table_lock);
}

/*
 * It ends. What it stood on can be freed only once it stands elsewhere: by its parent, who wants the exit code, or,
 * when there is none any more, by the scheduler.
 */

_Noreturn void end_process(int code) {
  acquire(&table_lock);
  struct process* const me = current_process();
  for (struct process* each = processes; each < processes + kMostProcesses; each++) {
    if (each->state == UNUSED || each->parent != me) continue;
    each->parent = NULL;
    if (each->state == ENDED) free_process(each);
  }
  me->exit_code = code;
  me->state = ENDED;
  wake_with_lock(me->parent);
  switch_to_scheduler(me);
  panic("an ended process runs");
}

static struct process* child_of(const struct process* me, unsigned id) {
  for (struct process* each = processes; each < processes + kMostProcesses; each++) {
    if (each->state != UNUSED && each->parent == me && each->id == id) return each;
  }
  return NULL;
}

int wait_for_child(unsigned id) {
  acquire(&table_lock);
  struct process* const me = current_process();
  struct process* const child = child_of(me, id);
  int code = NO_CHILD;
  if (child != NULL) {
    while (child->state != ENDED) sleep_on(me, &table_lock);
    code = child->exit_code;
    free_process(child);
  }
  release(&table_lock);
  return code;
}

bool process_facts(unsigned index, struct process_facts* facts) {
  static const char* const states[] = {
      [UNUSED] = "unused",   [STARTING] = "starting", [READY] = "ready",
      [RUNNING] = "running", [SLEEPING] = "sleeping", [ENDED] = "ended",
  };
  if (index >= kMostProcesses) return false;
  acquire(&table_lock);
  const struct process* const process = &processes[index];
  *facts = (struct process_facts){.id = process->state == UNUSED ? 0 : process->id};
  memcpy(facts->name, process->name, kNameSize);
  const char* const state = states[process->state];
  for (unsigned i = 0; state[i] != '\0'; i++) facts->state[i] = state[i];
  release(&table_lock);
  return true;
}
