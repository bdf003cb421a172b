/*
 * Physical memory that the kernel's own image does not take. Free pages are a list that is threaded through them; pages
 * that never were in use are not even in the list, but below `untouched`, so that nothing must be done for them at
 * start.
 */
#include "teach32/kernel.h"

struct free_page {
  struct free_page* next;
};

extern char kernel_end[];

static struct lock lock;
static struct free_page* list;
static uint8_t* untouched = (uint8_t*)(KERNEL_BASE + MEMORY_END); /* taken from the top: memory there had better be */
volatile uint32_t pages_in_use;

static void* take_page(void) {
  if (list != NULL) {
    void* const page = list;
    list = list->next;
    return page;
  }
  if (untouched == (uint8_t*)kernel_end) panic("out of memory");
  untouched -= PAGE_SIZE;
  return untouched;
}

void* alloc_page(void) {
  acquire(&lock);
  void* const page = take_page();
  pages_in_use = pages_in_use + 1;
  release(&lock);
  return memset(page, 0, PAGE_SIZE);
}

void free_page(void* page) {
  acquire(&lock);
  struct free_page* const freed = page;
  freed->next = list;
  list = freed;
  pages_in_use = pages_in_use - 1;
  release(&lock);
}
