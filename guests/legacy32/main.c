/*
 * A multiboot kernel in 32-bit protected mode without paging, for the legacy devices of a PC. By its command line, in
 * this order:
 * - drives: what drives there are; `write` also writes sector=N (default 0) of each, and reads it back
 * - screen: text and colours at 0xb8000, and the cursor
 * - small_print: what teaching kernels take for granted, into a structure
 * - keys: prints scan codes, on the screen too, until Escape is let go
 */
#include <stdint.h>

#include "common/command_line.h"
#include "common/console.h"
#include "common/io.h"
#include "common/machine.h"
#include "common/multiboot.h"
#include "legacy32/ide.h"
#include "legacy32/screen.h"
#include "legacy32/small_print.h"

struct drive_facts {
  uint8_t status;
  uint32_t sectors;
  unsigned read_error;
  unsigned write_error;
  unsigned written_back; /* 1: what was written was read again */
} drives[2];

uint8_t sector_bytes[SECTOR_SIZE];
uint8_t last_scan_code;
unsigned keys_seen;

static int is_pending(unsigned irq) {
  const uint16_t pic = irq < 8 ? 0x20 : 0xa0;
  outb(pic, 0x0a); /* OCW3: the next read is of the request register */
  return inb(pic) >> (irq & 7) & 1;
}

__attribute__((noinline)) void drive_written(void) { __asm__ volatile("" : : : "memory"); }

static void write_drive(unsigned drive, uint32_t sector) {
  for (unsigned i = 0; i < SECTOR_SIZE; i++) sector_bytes[i] = (uint8_t)(i + 0xa0 + drive);
  struct drive_facts* facts = &drives[drive];
  facts->write_error = ide_write(drive, sector, sector_bytes);
  sector_bytes[0] = 0;
  ide_read(drive, sector, sector_bytes);
  facts->written_back = sector_bytes[0] == 0xa0 + drive && sector_bytes[SECTOR_SIZE - 1] == (uint8_t)(0x9f + drive);
  print("drive %u: sector %u written: error %x, %s\n", drive, sector, facts->write_error,
        facts->written_back ? "there" : "not there");
  drive_written();
}

__attribute__((noinline)) void drives_found(void) { __asm__ volatile("" : : : "memory"); }

static void look_at_drives(const char* command_line) {
  for (unsigned drive = 0; drive < 2; drive++) {
    struct drive_facts* facts = &drives[drive];
    facts->status = ide_status(drive);
    print("drive %u: status %02x\n", drive, facts->status);
    if (facts->status == 0) continue;
    facts->sectors = ide_sectors(drive);
    facts->read_error = ide_read(drive, 0, sector_bytes);
    print("drive %u: %u sectors, read error %x, ends with %02x %02x\n", drive, facts->sectors, facts->read_error,
          sector_bytes[510], sector_bytes[511]);
    if (has_word(command_line, "write")) write_drive(drive, (uint32_t)word_value(command_line, "sector", 0));
  }
  print("irq 14 %s\n", is_pending(14) ? "came" : "never came");
  drives_found();
}

__attribute__((noinline)) void screen_drawn(void) { __asm__ volatile("" : : : "memory"); }

static void draw_screen(void) {
  screen_clear(0x07);
  screen_put(0, 0, 0x1f, "legacy32");
  screen_put(1, 2, 0x0e, "yellow on black \x01 \xb0\xb1\xb2\xdb");
  screen_put(24, 74, 0x4f, "corner");
  screen_cursor(2, 5);
  print("cursor at %u\n", screen_cursor_cell());
  screen_drawn();
}

__attribute__((noinline)) void small_print_read(void) {
  print("small print: read, %u interrupts of drives\n", small_print.drive_interrupts);
}

__attribute__((noinline)) void key_seen(void) { __asm__ volatile("" : : : "memory"); }

static void watch_keys(void) {
  enum { STATUS = 0x64, DATA = 0x60, ESCAPE_BREAK = 0x81 };
  print("type\n");
  do {
    while (!(inb(STATUS) & 1)) {
    }
    last_scan_code = inb(DATA);
    const char digits[] = "0123456789abcdef";
    const char text[] = {digits[last_scan_code >> 4], digits[last_scan_code & 15], 0};
    screen_put(10, 3 * (keys_seen++ % 26), 0x07, text);
    print("%s ", text);
    key_seen();
  } while (last_scan_code != ESCAPE_BREAK);
  print("\n");
}

void kernel_main(uint32_t magic, const struct multiboot_info* info) {
  console_init();
  const char* command_line = magic == kMultibootBootMagic ? (const char*)info->command_line : "";
  if (has_word(command_line, "drives")) look_at_drives(command_line);
  if (has_word(command_line, "screen")) draw_screen();
  if (has_word(command_line, "small_print")) {
    read_small_print();
    small_print_read();
  }
  if (has_word(command_line, "keys")) watch_keys();
  power_off();
}
