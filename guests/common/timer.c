#include "common/timer.h"

#include "common/io.h"
#include "common/vectors.h"

enum { kMaster = 0x20, kSlave = 0xa0, kEndOfInterrupt = 0x20, kPit = 0x40, kPitHertz = 1193182 };

void timer_init(unsigned hertz) {
  outb(kMaster, 0x11); /* ICW1: edge, cascade, ICW4 follows */
  outb(kSlave, 0x11);
  outb(kMaster + 1, TIMER_INTERRUPT);
  outb(kSlave + 1, TIMER_INTERRUPT + 8);
  outb(kMaster + 1, 4);
  outb(kSlave + 1, 2);
  outb(kMaster + 1, 1);
  outb(kSlave + 1, 1);
  outb(kMaster + 1, 0xfe); /* all lines masked but the timer's */
  outb(kSlave + 1, 0xff);

  const unsigned divisor = kPitHertz / hertz;
  outb(kPit + 3, 0x34); /* channel 0, rate generator */
  outb(kPit, (uint8_t)divisor);
  outb(kPit, (uint8_t)(divisor >> 8));
}

void end_of_timer_interrupt(void) { outb(kMaster, kEndOfInterrupt); }
