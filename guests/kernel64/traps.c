#include "common/console.h"
#include "kernel64/kernel.h"
#include "kernel64/sched.h"

static uint64_t fault_address(void) {
  uint64_t address;
  __asm__ volatile("movq %%cr2, %0" : "=r"(address));
  return address;
}

static void handle_user_exception(struct trap_frame* frame) {
  if (frame->vector == INVALID_OPCODE) return handle_user_call(frame);
  if (frame->vector == PAGE_FAULT && handle_user_page_fault(frame, fault_address())) return;
  print("user mode: exception %lu at %lx, task ended\n", frame->vector, frame->rip);
  end_task();
}

void handle_trap(struct trap_frame* frame) {
  switch (frame->vector) {
    case TIMER_INTERRUPT: timer_tick(); break;
    case SERIAL_INTERRUPT: serial_interrupt(); break;
    case SPURIOUS_INTERRUPT: break;
    case BREAKPOINT: breakpoints_seen = breakpoints_seen + 1; break;
    default:
      if (!from_user_mode(frame)) panic_at_trap(frame);
      handle_user_exception(frame);
  }
}
