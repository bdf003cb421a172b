/*
 * Address spaces, in pages of 4 KiB: SDM volume 3, 4.3. The kernel's half is the same in all of them: a new directory
 * copies the kernel's, and so shares its page tables.
 */
#include "teach32/kernel.h"

enum { kEntries = 1024, kKernelEntry = KERNEL_BASE >> 22 };
static const uint32_t kAddressBits = 0xfffff000;

extern char kernel_data[];

static uint32_t* kernel_directory;

static uint32_t* table_of(uint32_t entry) { return virtual_of(entry & kAddressBits); }

/* Where a page's entry is; NULL when there is no page table and none is wanted. */
static uint32_t* entry_of(uint32_t* directory, uint32_t address, bool add_table) {
  uint32_t* const table = &directory[address >> 22];
  if ((*table & PAGE_PRESENT) == 0) {
    if (!add_table) return NULL;
    *table = physical_of(alloc_page()) | PAGE_PRESENT | PAGE_WRITABLE | PAGE_USER; /* each page decides */
  }
  return &table_of(*table)[address >> 12 & (kEntries - 1)];
}

static void map(uint32_t* directory, uint32_t address, uint32_t physical, uint32_t bits) {
  *entry_of(directory, address, true) = physical | bits | PAGE_PRESENT;
}

void use_space(const uint32_t* directory) {
  __asm__ volatile("movl %0, %%cr3" : : "r"(physical_of(directory)) : "memory");
}

void use_kernel_space(void) { use_space(kernel_directory); }

void kernel_paging_init(void) {
  kernel_directory = alloc_page();
  for (uint32_t physical = 0; physical < MEMORY_END; physical += PAGE_SIZE) {
    const bool is_code = physical >= KERNEL_START && physical < physical_of(kernel_data);
    map(kernel_directory, physical + KERNEL_BASE, physical, is_code ? 0 : PAGE_WRITABLE);
  }
  use_kernel_space();
}

void* map_device(uint32_t physical) {
  map(kernel_directory, physical, physical, PAGE_WRITABLE | PAGE_UNCACHED);
  return (void*)physical;
}

uint32_t* new_space(void) {
  uint32_t* const directory = alloc_page();
  memcpy(directory + kKernelEntry, kernel_directory + kKernelEntry, (kEntries - kKernelEntry) * sizeof *directory);
  return directory;
}

void free_space(uint32_t* directory) {
  for (unsigned i = 0; i < kKernelEntry; i++) {
    if ((directory[i] & PAGE_PRESENT) == 0) continue;
    uint32_t* const table = table_of(directory[i]);
    for (unsigned j = 0; j < kEntries; j++) {
      if ((table[j] & PAGE_PRESENT) != 0) free_page(virtual_of(table[j] & kAddressBits));
    }
    free_page(table);
  }
  free_page(directory);
}

void* add_user_page(uint32_t* directory, uint32_t address, enum page_bits bits) {
  void* const page = alloc_page();
  map(directory, address, physical_of(page), bits | PAGE_USER);
  return page;
}

bool is_user_memory(const uint32_t* directory, uint32_t address, uint32_t size, enum page_bits bits) {
  if (address >= KERNEL_BASE || size > KERNEL_BASE - address) return false;
  const uint32_t needed = PAGE_PRESENT | PAGE_USER | bits;
  for (uint32_t page = address & kAddressBits; page < address + size; page += PAGE_SIZE) {
    const uint32_t* const entry = entry_of((uint32_t*)directory, page, false);
    if (entry == NULL || (*entry & needed) != needed) return false;
  }
  return true;
}
