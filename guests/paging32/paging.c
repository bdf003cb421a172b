/*
 * Both formats of 32-bit paging (SDM volume 3, 4.3 and 4.4), with the same three mappings:
 *   0 to 4 MiB              the kernel, virtual equal to physical; large pages of 4 MiB (PSE) or 2 MiB (PAE)
 *   0xc0000000, 4 MiB long  physical 4 MiB, large pages as well
 *   0x08048000, two pages   the program: text, then data, open to user mode; 4 KiB pages
 */
#include "paging32/kernel.h"

enum entry_bits { PRESENT = 1, WRITABLE = 2, USER = 4, LARGE = 0x80 };
enum { kProgram = 0x08048000, kWindow = 0xc0000000, kWindowPhysical = 4 << 20 };
enum { kCr4Pse = 1 << 4, kCr4Pae = 1 << 5 };
static const uint32_t kCr0Paging = 1u << 31 | 1u << 16; /* with write protection for the kernel */

extern char user_text_physical[], user_data_physical[];

/* The 32-bit format: two levels, 1024 entries of four bytes. */
static uint32_t directory[1024] __attribute__((aligned(4096)));
static uint32_t program_table[1024] __attribute__((aligned(4096)));

/* PAE: four pointers, then two levels, 512 entries of eight bytes. */
static uint64_t pae_pointers[4] __attribute__((aligned(32)));
static uint64_t pae_low_directory[512] __attribute__((aligned(4096)));
static uint64_t pae_high_directory[512] __attribute__((aligned(4096)));
static uint64_t pae_program_table[512] __attribute__((aligned(4096)));

static uint32_t build_32_bit(void) {
  directory[0] = PRESENT | WRITABLE | LARGE;
  directory[kWindow >> 22] = kWindowPhysical | PRESENT | WRITABLE | LARGE;
  directory[kProgram >> 22] = (uint32_t)program_table | PRESENT | WRITABLE | USER;
  uint32_t* const page = &program_table[kProgram >> 12 & 1023];
  page[0] = (uint32_t)user_text_physical | PRESENT | USER;
  page[1] = (uint32_t)user_data_physical | PRESENT | WRITABLE | USER;
  return (uint32_t)directory;
}

static uint32_t build_pae(void) {
  pae_pointers[0] = (uint32_t)pae_low_directory | PRESENT;
  pae_pointers[kWindow >> 30] = (uint32_t)pae_high_directory | PRESENT;
  for (uint32_t i = 0; i < 2; i++) {
    pae_low_directory[i] = i << 21 | PRESENT | WRITABLE | LARGE;
    pae_high_directory[i] = (kWindowPhysical + (i << 21)) | PRESENT | WRITABLE | LARGE;
  }
  pae_low_directory[kProgram >> 21 & 511] = (uint32_t)pae_program_table | PRESENT | WRITABLE | USER;
  uint64_t* const page = &pae_program_table[kProgram >> 12 & 511];
  page[0] = (uint32_t)user_text_physical | PRESENT | USER;
  page[1] = (uint32_t)user_data_physical | PRESENT | WRITABLE | USER;
  return (uint32_t)pae_pointers;
}

void paging_init(bool pae) {
  const uint32_t root = pae ? build_pae() : build_32_bit();
  uint32_t scratch;
  __asm__ volatile(
      "movl %%cr4, %0\n\t"
      "orl %1, %0\n\t"
      "movl %0, %%cr4\n\t"
      "movl %2, %%cr3\n\t"
      "movl %%cr0, %0\n\t"
      "orl %3, %0\n"
      ".globl paging_turned_on\n"
      "paging_turned_on: movl %0, %%cr0"
      : "=&r"(scratch)
      : "r"((uint32_t)(pae ? kCr4Pae : kCr4Pse)), "r"(root), "r"(kCr0Paging)
      : "memory", "cc");
}
