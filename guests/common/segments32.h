/* What LGDT, LIDT and LTR take, 32 bits: SDM volume 3, chapters 2.4 and 8.2. */
#pragma once

#include <stdint.h>

struct __attribute__((packed)) table_pointer {
  uint16_t limit;
  const void* base;
};

/* Of the TSS only what changing to ring 0 needs. */
struct task_state_segment {
  uint32_t back_link;
  void* kernel_stack;
  uint32_t kernel_stack_segment;
  uint32_t other[22];
  uint16_t trap;
  uint16_t io_map;
};
_Static_assert(sizeof(struct task_state_segment) == 104, "SDM volume 3, figure 8-2");
