/* Each CPU's own: segments, and whether it takes interrupts. */
#include "teach32/kernel.h"

struct cpu cpus[kMostCpus];
unsigned cpu_count = 1;

static uint64_t descriptor(const void* base, uint32_t limit, uint64_t access) {
  const uint64_t address = (uint32_t)base;
  return limit | (address & 0xffffff) << 16 | access << 40 | (address >> 24) << 56;
}

void cpu_init(struct cpu* cpu) {
  enum { kData = 0x93, kTss = 0x89 };
  const uint64_t flat[] = {
      0,
      0x00cf9b000000ffff, /* kernel code */
      0x00cf93000000ffff, /* kernel data */
      0x00cffb000000ffff, /* user code */
      0x00cff3000000ffff, /* user data */
  };
  cpu->self = cpu;
  memcpy(cpu->segments, flat, sizeof flat);
  cpu->segments[THIS_CPU / 8] = descriptor(cpu, sizeof *cpu - 1, kData) | 1ull << 54; /* 32 bits */
  cpu->segments[TASK_STATE / 8] = descriptor(&cpu->task_state, sizeof cpu->task_state - 1, kTss);
  cpu->task_state.kernel_stack_segment = KERNEL_DATA;
  cpu->task_state.io_map = sizeof cpu->task_state; /* no ports for user mode */
  const struct table_pointer pointer = {sizeof cpu->segments - 1, cpu->segments};
  __asm__ volatile(
      "lgdt %0\n\t"
      "ljmp %1, $1f\n"
      "1:\n\t"
      "movl %2, %%ds\n\t"
      "movl %2, %%es\n\t"
      "movl %2, %%ss\n\t"
      "movl %3, %%fs\n\t"
      "movl %4, %%gs\n\t"
      "ltr %w5"
      :
      : "m"(pointer), "i"(KERNEL_CODE), "r"(KERNEL_DATA), "r"(0), "r"(THIS_CPU), "r"(TASK_STATE)
      : "memory");
  load_interrupt_table();
}

struct cpu* this_cpu(void) {
  struct cpu* cpu;
  __asm__ volatile("movl %%gs:0, %0" : "=r"(cpu));
  return cpu;
}

bool interrupts_are_on(void) {
  uint32_t flags;
  __asm__ volatile("pushf; popl %0" : "=r"(flags));
  return (flags & 0x200) != 0;
}

void interrupts_off(void) {
  const bool were_on = interrupts_are_on();
  __asm__ volatile("cli" : : : "memory");
  struct cpu* const cpu = this_cpu();
  if (cpu->interrupts_off_depth++ == 0) cpu->interrupts_were_on = were_on;
}

void interrupts_back(void) {
  struct cpu* const cpu = this_cpu();
  if (--cpu->interrupts_off_depth == 0 && cpu->interrupts_were_on) __asm__ volatile("sti" : : : "memory");
}
