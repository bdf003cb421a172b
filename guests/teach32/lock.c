/*
 * Spinlocks. Interrupts are off while one is held: a handler that wanted it, on this CPU, would wait for ever.
 */
#include "teach32/kernel.h"

static uint32_t exchange(volatile uint32_t* at, uint32_t value) {
  __asm__ volatile("xchgl %0, %1" : "+r"(value), "+m"(*at) : : "memory"); /* locks the bus without being told */
  return value;
}

bool holding(const struct lock* lock) { return lock->taken != 0 && lock->holder == this_cpu(); }

void acquire(struct lock* lock) {
  interrupts_off();
  if (holding(lock)) panic("this CPU holds the lock at %x", (unsigned)lock);
  while (exchange(&lock->taken, 1) != 0) __asm__ volatile("pause");
  lock->holder = this_cpu();
}

void release(struct lock* lock) {
  if (!holding(lock)) panic("this CPU does not hold the lock at %x", (unsigned)lock);
  lock->holder = NULL;
  exchange(&lock->taken, 0);
  interrupts_back();
}
