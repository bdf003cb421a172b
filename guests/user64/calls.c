/* User mode's calls. */
#include "common/console.h"
#include "common/machine.h"
#include "common/paging.h"
#include "user64/kernel.h"
#include "user64/user_abi.h"

volatile uint64_t syscalls_seen;
volatile uint64_t int80_seen;

static uint64_t say(uint64_t text, uint64_t unused) {
  (void)unused;
  print("user: %s\n", in_user_text(text) ? (const char*)text : "(a bad address)");
  return 0;
}

static uint64_t add(uint64_t a, uint64_t b) { return a + b; }

/* Until the next timer interrupt, which meets the kernel here. */
static uint64_t wait(uint64_t unused_1, uint64_t unused_2) {
  (void)unused_1, (void)unused_2;
  const uint64_t start = ticks;
  while (ticks == start) __asm__ volatile("sti; hlt; cli" : : : "memory");
  return ticks;
}

static _Noreturn uint64_t leave(uint64_t result, uint64_t unused) {
  (void)unused;
  print("user: exit %lu; %lu syscalls, %lu int 0x80, %lu ticks\n", result, syscalls_seen, int80_seen, ticks);
  power_off();
}

static void make_call(struct trap_frame* frame, bool by_syscall) {
  static uint64_t (*const calls[])(uint64_t, uint64_t) = {
      [USER_CALL_SAY] = say, [USER_CALL_ADD] = add, [USER_CALL_WAIT] = wait, [USER_CALL_EXIT] = leave};
  this_cpu->last_call = frame->rax;
  this_cpu->by_syscall = by_syscall;
  if (frame->rax < USER_CALL_SAY || frame->rax > USER_CALL_EXIT) {
    print("user: unknown call %lu\n", frame->rax);
    return;
  }
  frame->rax = calls[frame->rax](frame->rdi, frame->rsi);
}

void handle_syscall(struct trap_frame* frame) {
  syscalls_seen = syscalls_seen + 1;
  make_call(frame, true);
}

void handle_int80(struct trap_frame* frame) {
  int80_seen = int80_seen + 1;
  make_call(frame, false);
}
