/* What interrupts what: the same in 32-bit and 64-bit guests. */
#pragma once

enum vector {
  DIVIDE_ERROR = 0,
  DEBUG = 1,
  BREAKPOINT = 3,
  INVALID_OPCODE = 6,
  DOUBLE_FAULT = 8,
  GENERAL_PROTECTION = 13,
  PAGE_FAULT = 14,
  EXCEPTION_COUNT = 32,
  TIMER_INTERRUPT = 32, /* the PICs' sixteen lines follow the exceptions */
  SERIAL_INTERRUPT = 36,
  SPURIOUS_INTERRUPT = 39,
  VECTOR_COUNT = 48,
  USER_INTERRUPT = 0x80, /* user mode's `int 0x80`; its stub comes after the others */
};
