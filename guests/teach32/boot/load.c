/*
 * The boot block's second half, in C: reads the kernel, an ELF file that begins in drive 0's second sector, to where
 * its program headers say, and jumps to its entry. All this and boot.S must fit into 510 bytes.
 */
#include "common/io.h"
#include "teach32/elf.h"
#include "teach32/ide.h"
#include "teach32/layout.h"

enum { kKernelSector = 1, kHeaderSectors = 8 };

static void wait_until_ready(void) {
  while ((inb(IDE_STATUS) & (IDE_BUSY | IDE_READY)) != IDE_READY) {
  }
}

static void read_sector(void* to, uint32_t sector) {
  wait_until_ready();
  outb(IDE_COUNT, 1);
  outb(IDE_SECTOR, (uint8_t)sector);
  outb(IDE_SECTOR_8, (uint8_t)(sector >> 8));
  outb(IDE_SECTOR_16, (uint8_t)(sector >> 16));
  outb(IDE_DRIVE, (uint8_t)(sector >> 24) | IDE_LBA);
  outb(IDE_COMMAND, IDE_READ);
  wait_until_ready();
  insl(IDE_DATA, to, SECTOR_SIZE / 4);
}

/* Whole sectors: up to 511 bytes behind the last are overwritten, too. */
static void read_bytes(uint8_t* to, uint32_t size, uint32_t offset) {
  uint32_t sector = kKernelSector + offset / SECTOR_SIZE;
  for (uint8_t* const end = to + size; to < end; to += SECTOR_SIZE) read_sector(to, sector++);
}

static void load_segment(const struct elf_program_header* segment) {
  uint8_t* const to = (uint8_t*)segment->physical;
  read_bytes(to, segment->file_size, segment->offset);
  for (uint32_t i = segment->file_size; i < segment->memory_size; i++) to[i] = 0;
}

void load_kernel(void) {
  struct elf_header* const kernel = (struct elf_header*)ELF_SCRATCH;
  read_bytes((uint8_t*)kernel, kHeaderSectors * SECTOR_SIZE, 0);
  if (kernel->magic != ELF_MAGIC) return;
  const struct elf_program_header* segment = (void*)((uint8_t*)kernel + kernel->program_headers);
  for (uint32_t i = kernel->program_header_count; i > 0; i--) load_segment(segment++);
  ((void (*)(void))kernel->entry)();
}
