/* The BIOS's tables of CPUs and APICs: Intel MultiProcessor Specification 1.4, chapter 4. */
#pragma once

#include <stdint.h>

struct __attribute__((packed)) mp_pointer {
  char signature[4];
  uint32_t configuration;
  uint8_t length; /* in 16 bytes */
  uint8_t revision;
  uint8_t checksum;
  uint8_t default_configuration;
  uint8_t features;
  uint8_t reserved[3];
};

struct __attribute__((packed)) mp_configuration {
  char signature[4];
  uint16_t length;
  uint8_t revision;
  uint8_t checksum;
  char maker[20];
  uint32_t oem_table;
  uint16_t oem_table_size;
  uint16_t entries;
  uint32_t local_apic;
  uint32_t extended;
};

/* The start of every entry; `address` is an I/O APIC's. */
struct __attribute__((packed)) mp_entry {
  uint8_t type;
  uint8_t id;
  uint8_t version;
  uint8_t flags;
  uint32_t address;
};

enum mp_entry_type { kMpProcessor = 0, kMpIoApic = 2 };
enum { kMpProcessorSize = 20, kMpOtherSize = 8 };
enum mp_processor_flags { kMpEnabled = 1, kMpBootProcessor = 2 };
enum { kMpImcr = 0x80 }; /* in `features` */

/* In the BIOS data area: where to search. */
enum { kMpEbdaSegment = 0x40e, kMpBaseMemoryKib = 0x413 };
