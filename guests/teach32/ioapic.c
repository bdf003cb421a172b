/* Who hears the devices: not the two PICs of 1984, but the I/O APIC (Intel 82093AA data sheet). */
#include "common/io.h"
#include "teach32/kernel.h"

enum { kMasterData = 0x21, kSlaveData = 0xa1, kImcrIndex = 0x22, kImcrData = 0x23 };
enum { kId = 0, kVersion = 1, kTable = 0x10 };
enum { kMasked = 0x10000 };

/* One register at a time: its number goes into the first word, its value is the fifth. */
static volatile uint32_t* registers;

static uint32_t get(unsigned index) {
  registers[0] = index;
  return registers[4];
}

static void set(unsigned index, uint32_t value) {
  registers[0] = index;
  registers[4] = value;
}

void mask_pics(bool has_imcr) {
  outb(kMasterData, 0xff);
  outb(kSlaveData, 0xff);
  if (!has_imcr) return;
  outb(kImcrIndex, 0x70);
  outb(kImcrData, inb(kImcrData) | 1);
}

void io_apic_init(const struct machine* machine) {
  registers = map_device(machine->io_apic);
  const unsigned id = get(kId) >> 24;
  if (id != machine->io_apic_id) print("the I/O APIC's id is %u, the MP table says %u\n", id, machine->io_apic_id);
  const unsigned last = get(kVersion) >> 16 & 0xff;
  for (unsigned line = 0; line <= last; line++) {
    set(kTable + 2 * line, kMasked | (IRQ_BASE + line)); /* edge, active high */
    set(kTable + 2 * line + 1, 0);
  }
  print("I/O APIC %u, %u lines\n", id, last + 1);
}

void io_apic_enable(unsigned line, unsigned apic_id) {
  set(kTable + 2 * line + 1, apic_id << 24);
  set(kTable + 2 * line, IRQ_BASE + line);
}
