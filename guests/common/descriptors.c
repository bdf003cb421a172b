#include <stdint.h>

#include "common/traps.h"

struct __attribute__((packed)) table_pointer {
  uint16_t limit;
  const void* base;
};

struct gate {
  uint16_t offset_low;
  uint16_t selector;
  uint8_t stack_index;
  uint8_t type;
  uint16_t offset_middle;
  uint32_t offset_high;
  uint32_t reserved;
};

struct __attribute__((packed)) task_state_segment {
  uint32_t reserved_0;
  void* kernel_stack;
  uint64_t other_stacks[2];
  uint64_t reserved_1;
  void* interrupt_stacks[7];
  uint64_t reserved_2;
  uint16_t reserved_3;
  uint16_t io_map;
};

enum { kInterruptGate = 0x8e, kOpenToUser = 0x60 };

extern const char trap_stubs[VECTOR_COUNT + 1][16]; /* the last: USER_INTERRUPT */

static struct task_state_segment task_state = {.io_map = sizeof(struct task_state_segment)};
static uint8_t double_fault_stack[4096] __attribute__((aligned(16)));
static struct gate interrupt_table[USER_INTERRUPT + 1];
static uint64_t descriptor_table[] = {
    0,
    0x00af9b000000ffff, /* kernel code */
    0x00cf93000000ffff, /* kernel data */
    0x00cff3000000ffff, /* user data */
    0x00affb000000ffff, /* user code */
    0,
    0, /* task state */
};

static void load_descriptor_table(void) {
  const struct table_pointer pointer = {sizeof descriptor_table - 1, descriptor_table};
  uint64_t scratch;
  __asm__ volatile(
      "lgdt %1\n\t"
      "pushq %2\n\t"
      "leaq 1f(%%rip), %0\n\t"
      "pushq %0\n\t"
      "lretq\n"
      "1:\n\t"
      "movl %3, %%ds\n\t"
      "movl %3, %%es\n\t"
      "movl %3, %%ss"
      : "=&r"(scratch)
      : "m"(pointer), "i"(KERNEL_CODE), "r"(KERNEL_DATA)
      : "memory");
}

static void load_task_state(void) {
  const uint64_t base = (uint64_t)&task_state;
  task_state.interrupt_stacks[0] = double_fault_stack + sizeof double_fault_stack;
  uint64_t* const descriptor = &descriptor_table[TASK_STATE / 8];
  descriptor[0] = (sizeof task_state - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
  descriptor[1] = base >> 32;
  __asm__ volatile("ltr %w0" : : "r"(TASK_STATE));
}

static void set_gate(unsigned vector, const char* stub) {
  const uint64_t address = (uint64_t)stub;
  const bool open_to_user = vector == BREAKPOINT || vector == USER_INTERRUPT;
  interrupt_table[vector] = (struct gate){
      .offset_low = (uint16_t)address,
      .selector = KERNEL_CODE,
      .stack_index = vector == DOUBLE_FAULT ? 1 : 0,
      .type = open_to_user ? kInterruptGate | kOpenToUser : kInterruptGate,
      .offset_middle = (uint16_t)(address >> 16),
      .offset_high = (uint32_t)(address >> 32),
  };
}

static void load_interrupt_table(void) {
  for (unsigned vector = 0; vector < VECTOR_COUNT; vector++) set_gate(vector, trap_stubs[vector]);
  set_gate(USER_INTERRUPT, trap_stubs[VECTOR_COUNT]);
  const struct table_pointer pointer = {sizeof interrupt_table - 1, interrupt_table};
  __asm__ volatile("lidt %0" : : "m"(pointer));
}

void descriptors_init(void) {
  load_descriptor_table();
  load_task_state();
  load_interrupt_table();
}

void set_kernel_stack(void* top) { task_state.kernel_stack = top; }
