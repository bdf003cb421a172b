/* Two page-table roots: the same kernel, but at 4 MiB each has a page of its own, with other code in it. */
#include "common/console.h"
#include "traps64/traps64.h"

enum { kPresent = 1, kWritable = 2, kOwn = 0x200 /* a bit that the CPU leaves to us */ };
enum { kPlace = 0x400000, kPage = 4096, kTop = 511 };

uint32_t at_two_places(void); /* code.S */
extern const char place_physical[];
extern uint64_t boot_pml4[512];

struct __attribute__((aligned(4096))) space {
  uint64_t pml4[512], pdpt[512], directory[512], table[512];
};
struct space spaces[2];
volatile uint64_t calls_in_space[2];
static uint8_t other_place[kPage] __attribute__((aligned(4096)));

static uint64_t physical(const void* address) { return (uint64_t)address - KERNEL_BASE; }

static void set_up(struct space* space, uint64_t place) {
  const unsigned flags = kPresent | kWritable;
  space->pml4[0] = physical(space->pdpt) | flags;
  space->pml4[kTop] = boot_pml4[kTop];
  space->pdpt[0] = physical(space->directory) | flags;
  space->directory[kPlace >> 21] = physical(space->table) | flags;
  space->table[kPlace >> 12 & 511] = place | flags;
}

static void set_up_both(void) {
  const uint8_t* const place = (const uint8_t*)(KERNEL_BASE + (uint64_t)place_physical);
  for (unsigned i = 0; i < kPage; i++) other_place[i] = place[i];
  const uint64_t number = (uint64_t)at_two_places + 1 - kPlace; /* behind the opcode */
  for (unsigned i = 0; i < 4; i++) other_place[number + i] = 0x22;
  set_up(&spaces[0], (uint64_t)place_physical);
  set_up(&spaces[1], physical(other_place));
}

CALLED void load_cr3(uint64_t root) { __asm__ volatile("movq %0, %%cr3\nloaded_cr3:" : : "r"(root) : "memory"); }

/* Too far away for a call of a fixed distance. */
static uint32_t call_place(void) {
  uint32_t (*volatile function)(void) = at_two_places;
  return function();
}

/* A store into a page table in use. */
CALLED void mark_table(struct space* space) { ((volatile uint64_t*)space->table)[1] ^= kOwn; }

void job_cr3(uint64_t rounds) {
  uint64_t sums[2] = {0, 0};
  set_up_both();
  for (uint64_t round = 0; round < 2 * rounds; round++) {
    const unsigned which = round % 2;
    load_cr3(physical(spaces[which].pml4));
    sums[which] += call_place();
    calls_in_space[which] = calls_in_space[which] + 1;
    mark_table(&spaces[which]);
  }
  load_cr3(physical(boot_pml4));
  print("cr3: %lu and %lu calls, sums %lx and %lx\n", calls_in_space[0], calls_in_space[1], sums[0], sums[1]);
}
