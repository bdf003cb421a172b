/* What 32-bit teaching kernels take for granted of a PC. */
#pragma once

#include <stdint.h>

struct small_print {
  uint8_t keyboard_status; /* of the controller at rest: bit 1, input buffer full, must be 0 */
  uint8_t output_port[2];  /* with A20, bit 1, on by the controller's commands D1 and DF */
  uint8_t shutdown_byte;   /* CMOS 0x0f, 0x0a written */
  uint32_t warm_reset;     /* the vector at 40:67, 0x0000f000:8000 written */
  uint32_t mp_io_apic;     /* its id in the MP table; all ones: no table */
  uint32_t io_apic;        /* and as it says itself */
  uint32_t local_apic;     /* the boot CPU's id and version */
  uint32_t local_apic_version;
  uint32_t last_word;        /* of 224 MiB, 0x600df00d written without a look whether it is there */
  unsigned drive_interrupts; /* edges of IRQ 14 after two reads of drive 0, and a write of each drive that is there */
};
extern struct small_print small_print;

void read_small_print(void);
