/* Multiboot 1: what the loader leaves (Multiboot Specification 0.6.96, section 3.3). */
#pragma once

#include <stdint.h>

enum { kMultibootBootMagic = 0x2badb002 };
enum {
  kMultibootHasMemory = 1 << 0,
  kMultibootHasCommandLine = 1 << 2,
  kMultibootHasModules = 1 << 3,
  kMultibootHasMap = 1 << 6
};

struct multiboot_info {
  uint32_t flags;
  uint32_t memory_lower_kib;
  uint32_t memory_upper_kib;
  uint32_t boot_device;
  uint32_t command_line;
  uint32_t module_count;
  uint32_t modules;
  uint32_t symbols[4];
  uint32_t map_length;
  uint32_t map;
};

struct multiboot_module {
  uint32_t start;
  uint32_t end;
  uint32_t text;
  uint32_t reserved;
};

/* `size` counts what follows it. */
struct __attribute__((packed)) multiboot_map_entry {
  uint32_t size;
  uint64_t base;
  uint64_t length;
  uint32_t type;
};
