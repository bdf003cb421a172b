/* The timer: 8259 PICs and the 8254's channel 0. */
#pragma once

/* PICs to vectors 32–47 with only the timer's line open; the PIT at `hertz`. Interrupts stay off in the flags. */
void timer_init(unsigned hertz);
void end_of_timer_interrupt(void);
