/* Which CPUs and APICs there are, by the BIOS's tables: Intel MultiProcessor Specification 1.4, chapter 4. */
#include "teach32/kernel.h"

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

enum { kProcessor = 0, kIoApic = 2, kProcessorSize = 20, kOtherSize = 8 };
enum { kEnabled = 1, kBootProcessor = 2, kImcr = 0x80 };

/* In the BIOS data area. */
enum { kEbdaSegment = 0x40e, kBaseMemoryKib = 0x413 };
enum { kBiosRom = 0xf0000, kBiosRomSize = 0x10000 };

static bool begins_with(const char* bytes, const char* signature) {
  return *(const uint32_t*)bytes == *(const uint32_t*)signature;
}

static bool adds_up(const void* bytes, unsigned size) {
  uint8_t sum = 0;
  for (unsigned i = 0; i < size; i++) sum = (uint8_t)(sum + ((const uint8_t*)bytes)[i]);
  return sum == 0;
}

static const struct mp_pointer* search(uint32_t begin, uint32_t size) {
  for (uint32_t at = begin; at < begin + size; at += sizeof(struct mp_pointer)) {
    const struct mp_pointer* const found = virtual_of(at);
    if (begins_with(found->signature, "_MP_") && adds_up(found, sizeof *found)) return found;
  }
  return NULL;
}

/* In this order: the EBDA's first KiB, base memory's last, the BIOS. */
static const struct mp_pointer* find_pointer(void) {
  const uint32_t ebda = (uint32_t)*(const uint16_t*)virtual_of(kEbdaSegment) << 4;
  const uint32_t base_memory_end = (uint32_t)*(const uint16_t*)virtual_of(kBaseMemoryKib) << 10;
  const struct mp_pointer* pointer = NULL;
  if (ebda != 0) pointer = search(ebda, 1024);
  if (pointer == NULL && base_memory_end >= 1024) pointer = search(base_memory_end - 1024, 1024);
  return pointer != NULL ? pointer : search(kBiosRom, kBiosRomSize);
}

static const struct mp_configuration* configuration_of(const struct mp_pointer* pointer) {
  if (pointer == NULL || pointer->configuration == 0) panic("no MP table: is there an APIC?");
  const struct mp_configuration* const table = virtual_of(pointer->configuration);
  if (!begins_with(table->signature, "PCMP") || !adds_up(table, table->length)) panic("the MP table is damaged");
  return table;
}

static void add_cpu(const struct mp_entry* entry) {
  if ((entry->flags & kEnabled) == 0) return;
  if ((entry->flags & kBootProcessor) != 0) {
    cpus[0].apic_id = entry->id;
  } else if (cpu_count < kMostCpus) {
    cpus[cpu_count] = (struct cpu){.id = cpu_count, .apic_id = entry->id};
    cpu_count++;
  }
}

struct machine find_machine(void) {
  const struct mp_pointer* const pointer = find_pointer();
  const struct mp_configuration* const table = configuration_of(pointer);
  struct machine machine = {.local_apic = table->local_apic, .has_imcr = (pointer->features & kImcr) != 0};
  const uint8_t* at = (const uint8_t*)(table + 1);
  for (unsigned i = 0; i < table->entries; i++) {
    const struct mp_entry* const entry = (const struct mp_entry*)at;
    if (entry->type == kProcessor) add_cpu(entry);
    if (entry->type == kIoApic) {
      machine.io_apic = entry->address;
      machine.io_apic_id = entry->id;
    }
    at += entry->type == kProcessor ? kProcessorSize : kOtherSize;
  }
  if (machine.io_apic == 0) panic("no I/O APIC");
  print("MP table at %x: %u CPUs\n", physical_of(table), cpu_count);
  return machine;
}
