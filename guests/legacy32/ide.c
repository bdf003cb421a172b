#include "legacy32/ide.h"

#include "common/io.h"

enum { DATA = 0x1f0, ERROR, COUNT, LBA0, LBA1, LBA2, DEVICE, STATUS, COMMAND = STATUS };
enum { BUSY = 0x80, READY = 0x40, DATA_REQUEST = 0x08, FAILED = 0x01 };
enum { READ = 0x20, WRITE = 0x30, IDENTIFY = 0xec };
enum { NO_DATA = 0x100 };

static uint8_t wait_until_ready(void) {
  uint8_t status;
  do {
    status = inb(STATUS);
  } while ((status & (BUSY | READY)) != READY);
  return status;
}

static unsigned start(unsigned drive, uint32_t sector, uint8_t command) {
  wait_until_ready();
  outb(COUNT, 1);
  outb(LBA0, (uint8_t)sector);
  outb(LBA1, (uint8_t)(sector >> 8));
  outb(LBA2, (uint8_t)(sector >> 16));
  outb(DEVICE, (uint8_t)(0xe0 | drive << 4 | sector >> 24));
  outb(COMMAND, command);
  const uint8_t status = wait_until_ready();
  if (status & FAILED) return inb(ERROR);
  return status & DATA_REQUEST ? 0 : NO_DATA;
}

static void take(void* to, unsigned bytes) {
  unsigned count = bytes / 4;
  __asm__ volatile("cld; rep insl" : "+D"(to), "+c"(count) : "d"(DATA) : "memory");
}

uint8_t ide_status(unsigned drive) {
  outb(DEVICE, (uint8_t)(0xe0 | drive << 4));
  return inb(STATUS);
}

uint32_t ide_sectors(unsigned drive) {
  static uint16_t words[SECTOR_SIZE / 2];
  if (start(drive, 0, IDENTIFY) != 0) return 0;
  take(words, sizeof words);
  return words[60] | (uint32_t)words[61] << 16;
}

unsigned ide_read(unsigned drive, uint32_t sector, void* to) {
  const unsigned error = start(drive, sector, READ);
  if (error == 0) take(to, SECTOR_SIZE);
  return error;
}

unsigned ide_write(unsigned drive, uint32_t sector, const void* from) {
  const unsigned error = start(drive, sector, WRITE);
  if (error != 0) return error;
  unsigned count = SECTOR_SIZE / 2;
  __asm__ volatile("cld; rep outsw" : "+S"(from), "+c"(count) : "d"(DATA) : "memory");
  return wait_until_ready() & FAILED ? inb(ERROR) : 0;
}
