/*
 * The guest debugs itself (SDM 3B, chapter 18): its own debug registers and trap flag, which a debugger outside must
 * leave alone. What a host doesn't do shows in the counts.
 */
#include "common/console.h"
#include "traps64/traps64.h"

enum { kLocal0 = 1, kLocal1 = 4, kExact = 0x300, kAlwaysOne = 0x400 };
enum { kWrite1 = 1 << 20, kLength8 = 2 << 22 };
enum { kDr6Idle = 0xffff0ff0, kDr6Hits = 0xf, kDr6Step = 1 << 14 };
enum { kTrapFlag = 0x100, kResumeFlag = 0x10000 };

volatile uint64_t own_hits[4]; /* of each debug register */
volatile uint64_t own_steps;
volatile uint64_t own_word;
volatile uint64_t own_calls;
static uint64_t expected_rip;
static unsigned wrong_places;

void handle_debug_exception(struct trap_frame* frame) {
  uint64_t dr6;
  __asm__ volatile("movq %%dr6, %0" : "=r"(dr6));
  __asm__ volatile("movq %0, %%dr6" : : "r"((uint64_t)kDr6Idle));
  for (unsigned i = 0; i < 4; i++) {
    if ((dr6 >> i & 1) != 0) own_hits[i] = own_hits[i] + 1;
  }
  if ((dr6 & kDr6Step) != 0) own_steps = own_steps + 1;
  if (expected_rip != 0 && frame->rip != expected_rip) wrong_places++;
  frame->rflags |= kResumeFlag;
}

CALLED void own_function(void) { own_calls = own_calls + 1; }
CALLED void own_store(uint64_t value) {
  __asm__ volatile("movq %1, %0\nown_stored:" : "=m"(own_word) : "r"(value));
  own_calls = own_calls + 1;
}

static void set_dr7(uint64_t value) { __asm__ volatile("movq %0, %%dr7" : : "r"(value | kAlwaysOne)); }
static uint64_t get_dr7(void) {
  uint64_t value;
  __asm__ volatile("movq %%dr7, %0" : "=r"(value));
  return value;
}

void job_debugregs(uint64_t rounds) {
  uint64_t address;
  expected_rip = (uint64_t)own_function;
  __asm__ volatile("movq %0, %%dr0" : : "r"(expected_rip));
  __asm__ volatile("movq %%dr0, %0" : "=r"(address));
  set_dr7(kLocal0 | kExact);
  const uint64_t control = get_dr7();
  for (uint64_t round = 0; round < rounds; round++) own_function();
  const bool kept = address == expected_rip && control == (kLocal0 | kExact | kAlwaysOne) && get_dr7() == control;
  set_dr7(0);
  print("debugregs: %lu hits of %lu, %u elsewhere, registers %s\n", own_hits[0], own_calls, wrong_places,
        kept ? "kept" : "changed");
}

void job_debugdata(uint64_t rounds) {
  extern const char own_stored[];
  own_calls = 0;
  wrong_places = 0;
  expected_rip = (uint64_t)own_stored;
  __asm__ volatile("movq %0, %%dr1" : : "r"((uint64_t)&own_word));
  set_dr7(kLocal1 | kExact | kWrite1 | kLength8);
  for (uint64_t round = 0; round < rounds; round++) own_store(round);
  const bool kept = get_dr7() == (kLocal1 | kExact | kAlwaysOne | kWrite1 | kLength8);
  set_dr7(0);
  print("debugdata: %lu hits of %lu, %u elsewhere, registers %s\n", own_hits[1], own_calls, wrong_places,
        kept ? "kept" : "changed");
}

/* Six instructions of a round end with the trap: from the first nop to the popfq that clears the flag. */
CALLED void own_steps_round(void) {
  __asm__ volatile(
      "pushfq; orq %0, (%%rsp); popfq\n"
      "own_steps_begin: nop; nop; nop\n\t"
      "pushfq; andq %1, (%%rsp); popfq"
      :
      : "i"(kTrapFlag), "i"(~kTrapFlag)
      : "memory", "cc");
}

void job_trapflag(uint64_t rounds) {
  expected_rip = 0;
  for (uint64_t round = 0; round < rounds; round++) own_steps_round();
  print("trapflag: %lu steps in %lu rounds\n", own_steps, rounds);
}
