/*
 * Finding CPUs: Intel MultiProcessor Specification 1.4, chapter 4. Starting them: its appendix B.4, and SDM volume 3,
 * "Typical AP Initialization Sequence".
 */
#include "smp64/smp.h"

#include <stddef.h>

#include "common/console.h"
#include "common/mp_tables.h"

enum { kApicId = 0x20, kApicSpurious = 0xf0, kApicCommand = 0x300, kApicTarget = 0x310, kApicOn = 0x100 };
enum { kInit = 0x4500, kStartUp = 0x4600, kSpuriousVector = 39 };

/* In rounds of a loop, as no clock is quick to read on every host. KVM needs no delay; old boards want 10 ms after
 * INIT. */
enum { kInitDelay = 200, kStartLimit = 5000000 };

struct cpu cpus[kMaxCpus];
unsigned cpu_count = 1;
struct cpu* cpu_of_apic[256];

static uint8_t stacks[kMaxCpus][4096] __attribute__((aligned(16)));

extern const char ap_start[];

static volatile uint32_t* apic_register(unsigned offset) { return (volatile uint32_t*)(0xfee00000ul + offset); }

static bool begins_with(const char* bytes, const char* signature) {
  for (unsigned i = 0; i < 4; i++) {
    if (bytes[i] != signature[i]) return false;
  }
  return true;
}

static bool adds_up(const void* bytes, unsigned size) {
  uint8_t sum = 0;
  for (unsigned i = 0; i < size; i++) sum = (uint8_t)(sum + ((const uint8_t*)bytes)[i]);
  return sum == 0;
}

static const struct mp_pointer* search(uintptr_t begin, uintptr_t size) {
  for (uintptr_t at = begin; at < begin + size; at += sizeof(struct mp_pointer)) {
    const struct mp_pointer* const found = (const struct mp_pointer*)at;
    if (begins_with(found->signature, "_MP_") && adds_up(found, sizeof *found)) return found;
  }
  return NULL;
}

/* Not inlined, or gcc warns of an access near address 0. */
__attribute__((noinline)) static uintptr_t bios_word(uintptr_t address) { return *(const uint16_t*)address; }

static const struct mp_configuration* find_configuration(void) {
  const uintptr_t ebda = bios_word(kMpEbdaSegment) << 4;
  const uintptr_t base_memory = bios_word(kMpBaseMemoryKib) << 10;
  const struct mp_pointer* pointer = NULL;
  if (ebda != 0) pointer = search(ebda, 1024);
  if (pointer == NULL && base_memory >= 1024) pointer = search(base_memory - 1024, 1024);
  if (pointer == NULL) pointer = search(0xf0000, 0x10000);
  if (pointer == NULL || pointer->configuration == 0) return NULL;
  const struct mp_configuration* const table = (const struct mp_configuration*)(uintptr_t)pointer->configuration;
  return begins_with(table->signature, "PCMP") && adds_up(table, table->length) ? table : NULL;
}

static void add_cpu(unsigned id, unsigned apic_id) {
  cpus[id] = (struct cpu){.stack_top = stacks[id] + sizeof stacks[id], .id = id, .apic_id = apic_id};
  cpu_of_apic[apic_id] = &cpus[id];
}

static void check_io_apic(const struct mp_entry* entry) {
  volatile uint32_t* const io_apic = (volatile uint32_t*)(uintptr_t)entry->address;
  io_apic[0] = 0; /* selects the id */
  const unsigned id = io_apic[4] >> 24 & 0xf;
  print("I/O APIC %u%s\n", id, id == entry->id ? "" : " is not the MP table's");
}

void find_cpus(unsigned long limit) {
  if (limit > kMaxCpus) limit = kMaxCpus;
  const unsigned bsp = *apic_register(kApicId) >> 24;
  add_cpu(0, bsp);
  const struct mp_configuration* const table = find_configuration();
  if (table == NULL) return;
  const uint8_t* at = (const uint8_t*)(table + 1);
  for (unsigned i = 0; i < table->entries; i++) {
    const struct mp_entry* const entry = (const struct mp_entry*)at;
    if (entry->type == kMpProcessor && (entry->flags & kMpEnabled) != 0 && entry->id != bsp && cpu_count < limit) {
      add_cpu(cpu_count++, entry->id);
    }
    if (entry->type == kMpIoApic) check_io_apic(entry);
    at += entry->type == kMpProcessor ? kMpProcessorSize : kMpOtherSize;
  }
}

/* The delivery status in the command register needs no wait: virtual and newer APICs take a command at once. */
static void send(unsigned apic_id, uint32_t command) {
  *apic_register(kApicTarget) = apic_id << 24;
  *apic_register(kApicCommand) = command;
}

static void wait_rounds(unsigned rounds) {
  for (volatile unsigned i = 0; i < rounds; i = i + 1) __asm__ volatile("pause");
}

static bool start_cpu(struct cpu* cpu) {
  send(cpu->apic_id, kInit);
  wait_rounds(kInitDelay);
  for (unsigned i = 0; i < 2; i++) {
    send(cpu->apic_id, kStartUp | (uint32_t)((uintptr_t)ap_start >> 12));
    wait_rounds(kInitDelay);
  }
  for (unsigned i = 0; i < kStartLimit && !cpu->started; i++) __asm__ volatile("pause");
  return cpu->started;
}

void start_cpus(void) {
  *apic_register(kApicSpurious) = kApicOn | kSpuriousVector;
  for (unsigned i = 1; i < cpu_count; i++) {
    if (start_cpu(&cpus[i])) {
      print("cpu %u started, APIC id %u\n", i, cpus[i].apic_id);
    } else {
      print("cpu %u does not start, APIC id %u\n", i, cpus[i].apic_id);
      cpu_count = i;
    }
  }
}

struct cpu* this_cpu(void) { return cpu_of_apic[*apic_register(kApicId) >> 24]; }
