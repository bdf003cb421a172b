#include "common/console.h"
#include "common/machine.h"
#include "kernel64/kernel.h"
#include "kernel64/sched.h"

volatile uint64_t ticks;

static void end_of_run(void) {
  print("%lu ticks: power off\n", ticks);
  power_off();
}

void timer_tick(void) {
  ticks = ticks + 1;
  end_of_timer_interrupt();
  if (options.tick_limit != 0 && ticks >= options.tick_limit) end_of_run();
  wake_sleepers(ticks);
  schedule();
}
