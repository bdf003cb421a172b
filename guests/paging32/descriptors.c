#include <stddef.h>

#include "common/segments32.h"
#include "paging32/kernel.h"

struct gate {
  uint16_t offset_low;
  uint16_t selector;
  uint8_t reserved;
  uint8_t type;
  uint16_t offset_high;
};

enum { kInterruptGate = 0x8e, kOpenToUser = 0x60 };

extern const char trap_stubs[VECTOR_COUNT + 1][16]; /* the last: USER_INTERRUPT */

static uint8_t kernel_stack[4096] __attribute__((aligned(16)));
static struct task_state_segment task_state = {.kernel_stack = kernel_stack + sizeof kernel_stack,
                                               .kernel_stack_segment = KERNEL_DATA,
                                               .io_map = sizeof(struct task_state_segment)};
static struct gate interrupt_table[USER_INTERRUPT + 1];
static uint64_t descriptor_table[] = {
    0,
    0x00cf9b000000ffff, /* kernel code */
    0x00cf93000000ffff, /* kernel data */
    0x00cffb000000ffff, /* user code */
    0x00cff3000000ffff, /* user data */
    0,                  /* task state */
};

/* The segment registers keep what they have: the entry code's kernel segments are the same. */
static void load_descriptor_table(void) {
  const uint64_t base = (uint32_t)&task_state;
  descriptor_table[TASK_STATE / 8] =
      (sizeof task_state - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24) << 56;
  const struct table_pointer pointer = {sizeof descriptor_table - 1, descriptor_table};
  __asm__ volatile("lgdt %0" : : "m"(pointer));
  __asm__ volatile("ltr %w0" : : "r"(TASK_STATE));
}

static void set_gate(unsigned vector, const char* stub) {
  const uint32_t address = (uint32_t)stub;
  const bool open_to_user = vector == BREAKPOINT || vector == USER_INTERRUPT;
  interrupt_table[vector] = (struct gate){
      .offset_low = (uint16_t)address,
      .selector = KERNEL_CODE,
      .type = open_to_user ? kInterruptGate | kOpenToUser : kInterruptGate,
      .offset_high = (uint16_t)(address >> 16),
  };
}

void descriptors_init(void) {
  load_descriptor_table();
  for (unsigned vector = 0; vector < VECTOR_COUNT; vector++) set_gate(vector, trap_stubs[vector]);
  set_gate(USER_INTERRUPT, trap_stubs[VECTOR_COUNT]);
  const struct table_pointer pointer = {sizeof interrupt_table - 1, interrupt_table};
  __asm__ volatile("lidt %0" : : "m"(pointer));
}
