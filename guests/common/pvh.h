/* PVH: what the loader leaves (Xen's public/arch-x86/hvm/start_info.h). All addresses are physical. */
#pragma once

#include <stdint.h>

enum { kPvhMagic = 0x336ec578 };

struct pvh_start_info {
  uint32_t magic;
  uint32_t version;
  uint32_t flags;
  uint32_t module_count;
  uint64_t modules;
  uint64_t command_line;
  uint64_t rsdp;
  uint64_t map; /* from version 1 on */
  uint32_t map_entries;
  uint32_t reserved;
};

struct pvh_map_entry {
  uint64_t base;
  uint64_t length;
  uint32_t type; /* 1: usable */
  uint32_t reserved;
};
