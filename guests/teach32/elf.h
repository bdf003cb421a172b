/* What a loader needs of ELF, 32 bits: System V ABI, chapter 4. */
#pragma once

#include <stdint.h>

struct elf_header {
  uint32_t magic;
  uint8_t other_identification[12];
  uint16_t type, machine;
  uint32_t version;
  uint32_t entry;
  uint32_t program_headers; /* offset in the file */
  uint32_t section_headers;
  uint32_t flags;
  uint16_t header_size, program_header_size, program_header_count;
  uint16_t section_header_size, section_header_count, section_names;
};

struct elf_program_header {
  uint32_t type;
  uint32_t offset;
  uint32_t virtual;
  uint32_t physical;
  uint32_t file_size;
  uint32_t memory_size; /* what is beyond the file's is zero */
  uint32_t flags;
  uint32_t align;
};

enum { ELF_MAGIC = 0x464c457f, ELF_LOAD = 1, ELF_WRITABLE = 2 };
