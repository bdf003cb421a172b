/* What a debugger can catch, made by every CPU in every round: an exception, port I/O, two loads of CR3. */
#include "common/io.h"
#include "smp64/smp.h"

enum { kPort = 0x80, kEntries = 512 };

extern uint64_t boot_pml4[kEntries];
static uint64_t other_root[kEntries] __attribute__((aligned(4096)));

extern const char faulting_division[], mended_division[];

void prepare_events(void) {
  for (unsigned i = 0; i < kEntries; i++) other_root[i] = boot_pml4[i];
}

static void load_cr3(const uint64_t* root) { __asm__ volatile("movq %0, %%cr3" : : "r"(root) : "memory"); }

void make_events(struct cpu* cpu) {
  __asm__ volatile(".globl faulting_division, mended_division\nfaulting_division: divb %b1\nmended_division:"
                   :
                   : "a"(1), "q"(0)
                   : "cc");
  outb(kPort, (uint8_t)cpu->id);
  cpu->writes = cpu->writes + 1;
  load_cr3(other_root);
  cpu->loads = cpu->loads + 1;
  load_cr3(boot_pml4);
  cpu->loads = cpu->loads + 1;
}

bool mend_event(struct trap_frame* frame) {
  if (frame->vector != DIVIDE_ERROR || frame->rip != (uint64_t)faulting_division) return false;
  struct cpu* const cpu = this_cpu();
  cpu->faults = cpu->faults + 1;
  frame->rip = (uint64_t)mended_division;
  return true;
}
