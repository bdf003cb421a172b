/* Exceptions that are expected: each at a label faulting_NAME, each with an error code that is known beforehand. */
#include "common/console.h"
#include "traps64/traps64.h"

/* Above all that the boot page tables map. */
static const uint64_t kMissing = 0x123456789000ull;
/* Beyond the end of the GDT. */
enum { kBadSelector = 0x1230 };

volatile uint64_t faults[EXCEPTION_COUNT];
volatile uint64_t last_error_code;
volatile uint64_t last_fault_address;
uint64_t mended_rip; /* where the instruction that is about to fault goes on; 0: none is */

bool mend_fault(struct trap_frame* frame) {
  if (mended_rip == 0 || frame->vector >= EXCEPTION_COUNT) return false;
  faults[frame->vector] = faults[frame->vector] + 1;
  last_error_code = frame->error_code;
  __asm__ volatile("movq %%cr2, %0" : "=r"(last_fault_address));
  frame->rip = mended_rip;
  mended_rip = 0;
  return true;
}

#define FAULTING(name, instruction, ...)                                                                \
  __asm__ volatile("movq $mended_" #name ", %0\nfaulting_" #name ": " instruction "\nmended_" #name ":" \
                   : "=m"(mended_rip)                                                                   \
                   : __VA_ARGS__                                                                        \
                   : "memory", "cc")

CALLED void fault_store(uint64_t address) { FAULTING(store, "movb $1, (%1)", "r"(address)); }
CALLED void fault_load(uint64_t address) { FAULTING(load, "movb (%1), %%al", "r"(address), "a"(0)); }
CALLED void fault_division(void) { FAULTING(division, "divb %b2", "a"(1), "q"(0)); }
CALLED void fault_segment(uint32_t selector) { FAULTING(segment, "movl %1, %%fs", "r"(selector)); }

static bool was(uint64_t error_code, uint64_t address) {
  return last_error_code == error_code && (address == 0 || last_fault_address == address);
}

void job_fault(uint64_t rounds) {
  enum { kStore = 2, kLoad = 0 };
  unsigned as_expected = 0;
  for (uint64_t round = 0; round < rounds; round++) {
    fault_store(kMissing + round);
    as_expected += was(kStore, kMissing + round);
    fault_load(kMissing + 8);
    as_expected += was(kLoad, kMissing + 8);
    fault_division();
    as_expected += was(0, 0);
    fault_segment(kBadSelector);
    as_expected += was(kBadSelector, 0);
  }
  print("fault: #DE %lu, #GP %lu, #PF %lu, %u as expected\n", faults[DIVIDE_ERROR], faults[GENERAL_PROTECTION],
        faults[PAGE_FAULT], as_expected);
}
