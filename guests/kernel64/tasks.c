/* The kernel's tasks: a counter, a worker that never sleeps, a console to be changed from gdb, and one that goes to
 * user mode. */
#include "common/console.h"
#include "common/machine.h"
#include "kernel64/inventory.h"
#include "kernel64/kernel.h"
#include "kernel64/sched.h"

enum { kPanicTick = 20, kStatusTicks = 10 };

volatile uint64_t counter;
volatile uint64_t breakpoints_seen;

/* Change these in gdb, and the console shows it: `set var speed = 5`, `set {char[6]} greeting = "howdy"`. */
volatile int speed = 1;
char greeting[32] = "hello from kernel64";
static int position;

static void bump(volatile uint64_t* value, uint64_t by) { *value = *value + by; }

static void count_once(void) { bump(&counter, 1); }

static void counter_task(void) {
  for (;;) {
    count_once();
    sleep_ticks(1);
  }
}

static void worker_task(void) {
  for (;;) {
    inventory_restock();
    inventory_audit();
  }
}

static void check_health(void) {
  if (options.want_panic && ticks >= kPanicTick) panic("asked for on the command line");
  if (options.want_triple_fault && ticks >= kPanicTick) triple_fault();
}

static void run_own_breakpoint(void) {
  options.want_breakpoint = false;
  __asm__ volatile("int3");
  print("own int3 survived, %lu seen\n", breakpoints_seen);
}

static void print_status(void) {
  position += speed;
  print("[%4lu] %s: speed %d, position %d, counter %lu, %u items\n", ticks, greeting, speed, position, counter,
        inventory.count);
}

static void console_task(void) {
  for (;;) {
    check_health();
    print_status();
    if (options.want_breakpoint) run_own_breakpoint();
    sleep_ticks(kStatusTicks);
  }
}

void start_tasks(void) {
  static const struct {
    const char* name;
    void (*entry)(void);
  } plan[] = {
      {"counter", counter_task}, {"worker", worker_task}, {"console", console_task}, {"user", run_user_program}};
  static struct task tasks[4];
  static uint8_t stacks[4][4096] __attribute__((aligned(16)));
  for (unsigned i = 0; i < 4; i++) add_task(&tasks[i], plan[i].name, plan[i].entry, stacks[i] + sizeof stacks[i]);
}
