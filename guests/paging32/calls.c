/* User mode's calls. */
#include "common/console.h"
#include "common/machine.h"
#include "paging32/kernel.h"
#include "paging32/user_abi.h"

__attribute__((section(".window"))) struct call_log call_log;
volatile uint32_t syscalls_seen;

static bool in_user_text(uint32_t address) { return (address & 0xfffff000) == ((uint32_t)user_main & 0xfffff000); }

static uint32_t say(uint32_t text, uint32_t unused) {
  (void)unused;
  print("user: %s\n", in_user_text(text) ? (const char*)text : "(a bad address)");
  return 0;
}

static uint32_t add(uint32_t a, uint32_t b) { return a + b; }

/* Until the next timer interrupt, which meets the kernel here. */
static uint32_t wait(uint32_t unused_1, uint32_t unused_2) {
  (void)unused_1, (void)unused_2;
  const uint32_t start = ticks;
  while (ticks == start) __asm__ volatile("sti; hlt; cli" : : : "memory");
  return ticks;
}

static _Noreturn uint32_t leave(uint32_t result, uint32_t unused) {
  (void)unused;
  print("user: exit %u; %u syscalls, %u ticks\n", result, syscalls_seen, ticks);
  power_off();
}

static void log_call(const struct call* call) { call_log.calls[call_log.count++ % kLoggedCalls] = *call; }

void handle_syscall(struct trap_frame* frame) {
  static uint32_t (*const calls[])(uint32_t, uint32_t) = {
      [USER_CALL_SAY] = say, [USER_CALL_ADD] = add, [USER_CALL_WAIT] = wait, [USER_CALL_EXIT] = leave};
  syscalls_seen = syscalls_seen + 1;
  struct call call = {.number = frame->eax, .arguments = {frame->ebx, frame->ecx}, .eip = frame->eip};
  if (call.number < USER_CALL_SAY || call.number > USER_CALL_EXIT) {
    print("user: unknown call %u\n", call.number);
    return;
  }
  call.result = calls[call.number](call.arguments[0], call.arguments[1]);
  log_call(&call);
  frame->eax = call.result;
}
