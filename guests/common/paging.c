#include "common/paging.h"

#include "common/console.h"
#include "common/machine.h"

extern uint64_t boot_pml4[512];
extern char user_text_physical[], user_data_physical[];

static uint8_t pool[16][PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static unsigned pool_used;

uint64_t allocate_page(void) {
  if (pool_used == sizeof pool / sizeof pool[0]) {
    print("out of pages\n");
    halt_forever();
  }
  return (uint64_t)pool[pool_used++] - KERNEL_BASE;
}

static void reload_page_tables(void) {
  __asm__ volatile("movq %0, %%cr3" : : "r"((uint64_t)boot_pml4 - KERNEL_BASE) : "memory");
}

void paging_init(void) {
  boot_pml4[0] = 0;
  reload_page_tables();
}

static uint64_t* next_table(uint64_t* table, unsigned index) {
  if ((table[index] & PAGE_PRESENT) == 0) table[index] = allocate_page() | PAGE_PRESENT | PAGE_WRITABLE | PAGE_USER;
  return from_physical(table[index] & ~0xfffull);
}

void map_page(uint64_t address, uint64_t physical, enum page_flags flags) {
  uint64_t* table = boot_pml4;
  for (unsigned shift = 39; shift > 12; shift -= 9) table = next_table(table, address >> shift & 511);
  table[address >> 12 & 511] = physical | flags | PAGE_PRESENT;
  __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

void map_user_program(void) {
  map_page(kUserPages, (uint64_t)user_text_physical, PAGE_USER);
  map_page(kUserPages + PAGE_SIZE, (uint64_t)user_data_physical, PAGE_USER | PAGE_WRITABLE);
}
