#include "common/console.h"
#include "kernel64/kernel.h"
#include "kernel64/sched.h"
#include "kernel64/user_abi.h"

extern uint8_t user_stack[2048];
void user_main(void);

enum { kUdLength = 2, kInterruptsOn = 0x202 };

volatile uint64_t user_calls;
volatile uint64_t pages_on_demand;

void run_user_program(void) {
  map_user_program();
  __asm__ volatile("cli");
  enter_user_mode(user_main, user_stack + sizeof user_stack, kInterruptsOn);
}

static void say(uint64_t text) { print("user: %s\n", in_user_text(text) ? (const char*)text : "(a bad address)"); }

void handle_user_call(struct trap_frame* frame) {
  user_calls = user_calls + 1;
  frame->rip += kUdLength;
  switch (frame->rax) {
    case USER_CALL_SAY: say(frame->rdi); break;
    case USER_CALL_SLEEP: sleep_ticks(frame->rdi); break;
    default: print("user: unknown call %lu\n", frame->rax); break;
  }
}

bool handle_user_page_fault(const struct trap_frame* frame, uint64_t address) {
  const bool protection_violation = (frame->error_code & PAGE_PRESENT) != 0;
  if (protection_violation || address - USER_HEAP >= PAGE_SIZE) return false;
  map_page(USER_HEAP, allocate_page(), PAGE_USER | PAGE_WRITABLE);
  pages_on_demand = pages_on_demand + 1;
  return true;
}
