/* Four-level paging: 2 MiB pages for the kernel (long_mode.S), 4 KiB pages for user mode. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum page_flags { PAGE_PRESENT = 1, PAGE_WRITABLE = 2, PAGE_USER = 4 };
enum { PAGE_SIZE = 4096, kUserPages = 0x400000 };

/* The first 1 GiB of physical memory, as the kernel sees it. */
static inline void* from_physical(uint64_t physical) { return (void*)(KERNEL_BASE + physical); }
/* Gives the user half to user mode: from now on nothing is mapped at low addresses but what map_page puts there. */
void paging_init(void);
void map_page(uint64_t address, uint64_t physical, enum page_flags flags);
/* Maps the program that high_half.ld linked at kUserPages: a page of text, a page of data. */
void map_user_program(void);
static inline bool in_user_text(uint64_t address) { return address - kUserPages < PAGE_SIZE; }
/* A zeroed page; its physical address. */
uint64_t allocate_page(void);
