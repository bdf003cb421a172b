/* How a guest ends. */
#pragma once

#include <stdint.h>

/* Interrupts off, HLT, for ever. */
_Noreturn void halt_forever(void);
/* The power-off that hobby kernels write for QEMU: word 0x2000 to port 0x604. */
_Noreturn void power_off(void);
/* Port 0xf4: the VMM's exit status becomes (code << 1) | 1. */
_Noreturn void debug_exit(uint8_t code);
/* An exception while no exception can be delivered. */
_Noreturn void triple_fault(void);
