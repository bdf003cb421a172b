#include "legacy32/small_print.h"

#include "common/io.h"
#include "legacy32/ide.h"

struct small_print small_print;

enum { KEYBOARD_DATA = 0x60, KEYBOARD = 0x64, OUTPUT_FULL = 1, INPUT_FULL = 2 };
enum { CMOS_INDEX = 0x70, CMOS_DATA = 0x71, SHUTDOWN = 0x0f };
enum { MASTER = 0x20, SLAVE = 0xa0, READ_REQUESTS = 0x0a, POLL = 0x0c, END_OF_INTERRUPT = 0x20, DRIVE_ON_SLAVE = 6 };

/* Not inlined, or gcc warns of an access near address 0. */
static __attribute__((noinline)) volatile uint32_t* word_at(uint32_t address) { return (volatile uint32_t*)address; }

static void keyboard_command(uint8_t command) {
  while (inb(KEYBOARD) & INPUT_FULL) {
  }
  outb(KEYBOARD, command);
}

static uint8_t output_port(void) {
  keyboard_command(0xd0);
  while (!(inb(KEYBOARD) & OUTPUT_FULL)) {
  }
  return inb(KEYBOARD_DATA);
}

/* On: off would take this code away. */
static void switch_a20(void) {
  keyboard_command(0xd1);
  while (inb(KEYBOARD) & INPUT_FULL) {
  }
  outb(KEYBOARD_DATA, 0xdf);
  small_print.output_port[0] = output_port();
  keyboard_command(0xdf);
  small_print.output_port[1] = output_port();
}

/* As a kernel does it that starts other CPUs (MP specification 1.4, appendix B.4). */
static void set_warm_reset(void) {
  outb(CMOS_INDEX, SHUTDOWN);
  outb(CMOS_DATA, 0x0a);
  outb(CMOS_INDEX, SHUTDOWN);
  small_print.shutdown_byte = inb(CMOS_DATA);
  volatile uint16_t* const vector = (volatile uint16_t*)word_at((0x40 << 4) | 0x67);
  vector[0] = 0x8000;
  vector[1] = 0xf000;
  small_print.warm_reset = (uint32_t)vector[1] << 16 | vector[0];
}

static uint32_t io_apic_of_mp_table(uint32_t begin, uint32_t end) {
  for (uint32_t at = begin; at < end; at += 16) {
    if (*word_at(at) != 0x5f504d5f) continue; /* _MP_ */
    const uint32_t table = *word_at(at + 4);
    const uint16_t entries = *(volatile uint16_t*)word_at(table + 34);
    const volatile uint8_t* entry = (volatile uint8_t*)word_at(table + 44);
    for (unsigned i = 0; i < entries; i++, entry += entry[0] == 0 ? 20 : 8) {
      if (entry[0] == 2) return entry[1];
    }
  }
  return ~0u;
}

static void read_apics(void) {
  small_print.mp_io_apic = io_apic_of_mp_table(0x9fc00, 0xa0000);
  if (small_print.mp_io_apic == ~0u) small_print.mp_io_apic = io_apic_of_mp_table(0xf0000, 0x100000);
  *word_at(0xfec00000) = 0;
  small_print.io_apic = *word_at(0xfec00010) >> 24;
  small_print.local_apic = *word_at(0xfee00020) >> 24;
  small_print.local_apic_version = *word_at(0xfee00030) & 0xff;
}

/* The poll command of the 8259 takes an interrupt as the CPU would. What it answers is not looked at: the KVM of
 * Linux 6.1 forgets to say that there was one. */
static unsigned take_drive_interrupt(void) {
  outb(SLAVE, READ_REQUESTS);
  const unsigned came = inb(SLAVE) >> DRIVE_ON_SLAVE & 1;
  outb(SLAVE, POLL);
  inb(SLAVE);
  outb(SLAVE, END_OF_INTERRUPT);
  return came;
}

static void count_drive_interrupts(void) {
  static uint8_t sector[SECTOR_SIZE];
  outb(MASTER, 0x11);
  outb(SLAVE, 0x11);
  outb(MASTER + 1, 0x20);
  outb(SLAVE + 1, 0x28);
  outb(MASTER + 1, 4);
  outb(SLAVE + 1, 2);
  outb(MASTER + 1, 1);
  outb(SLAVE + 1, 1);
  outb(MASTER + 1, 0xfb);
  outb(SLAVE + 1, 0xff & ~(1 << DRIVE_ON_SLAVE));
  for (unsigned i = 0; i < 2; i++) {
    if (ide_status(0) == 0 || ide_read(0, 0, sector) != 0) continue;
    small_print.drive_interrupts += take_drive_interrupt();
  }
  for (unsigned drive = 0; drive < 2; drive++) {
    if (ide_status(drive) == 0) continue;
    ide_write(drive, 0, sector);
    small_print.drive_interrupts += take_drive_interrupt();
  }
  small_print.drive_interrupts += take_drive_interrupt(); /* one too many would be found here */
}

void read_small_print(void) {
  small_print.keyboard_status = inb(KEYBOARD);
  switch_a20();
  set_warm_reset();
  read_apics();
  volatile uint32_t* const last = word_at((224u << 20) - 4);
  *last = 0x600df00d;
  small_print.last_word = *last;
  count_drive_interrupts();
}
