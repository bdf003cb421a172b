/* Which CPUs and APICs there are, by the BIOS's tables: Intel MultiProcessor Specification 1.4, chapter 4. */
#include "common/mp_tables.h"
#include "teach32/kernel.h"

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
  const uint32_t ebda = (uint32_t)*(const uint16_t*)virtual_of(kMpEbdaSegment) << 4;
  const uint32_t base_memory_end = (uint32_t)*(const uint16_t*)virtual_of(kMpBaseMemoryKib) << 10;
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
  if ((entry->flags & kMpEnabled) == 0) return;
  if ((entry->flags & kMpBootProcessor) != 0) {
    cpus[0].apic_id = entry->id;
  } else if (cpu_count < kMostCpus) {
    cpus[cpu_count] = (struct cpu){.id = cpu_count, .apic_id = entry->id};
    cpu_count++;
  }
}

struct machine find_machine(void) {
  const struct mp_pointer* const pointer = find_pointer();
  const struct mp_configuration* const table = configuration_of(pointer);
  struct machine machine = {.local_apic = table->local_apic, .has_imcr = (pointer->features & kMpImcr) != 0};
  const uint8_t* at = (const uint8_t*)(table + 1);
  for (unsigned i = 0; i < table->entries; i++) {
    const struct mp_entry* const entry = (const struct mp_entry*)at;
    if (entry->type == kMpProcessor) add_cpu(entry);
    if (entry->type == kMpIoApic) {
      machine.io_apic = entry->address;
      machine.io_apic_id = entry->id;
    }
    at += entry->type == kMpProcessor ? kMpProcessorSize : kMpOtherSize;
  }
  if (machine.io_apic == 0) panic("no I/O APIC");
  print("MP table at %x: %u CPUs\n", physical_of(table), cpu_count);
  return machine;
}
