#include "common/console.h"
#include "common/machine.h"
#include "kernel64/kernel.h"
#include "kernel64/sched.h"

_Noreturn void panic(const char* why) {
  __asm__ volatile("cli");
  debug_print("panic\n");
  print("panic: %s (task %s, tick %lu)\n", why, current_task->name, ticks);
  halt_forever();
}

_Noreturn void panic_at_trap(const struct trap_frame* frame) {
  print("exception %lu, error code %lx, rip %016lx, rsp %016lx, rflags %08lx\n", frame->vector, frame->error_code,
        frame->rip, frame->rsp, frame->rflags);
  panic("exception in the kernel");
}
