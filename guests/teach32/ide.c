/*
 * The disks: programmed I/O, an interrupt when the drive is done. One request at a time: the drives share all
 * registers.
 */
#include "teach32/ide.h"

#include "common/io.h"
#include "teach32/kernel.h"

enum { kMostSectors = PAGE_SIZE / SECTOR_SIZE, kWordsOfSector = SECTOR_SIZE / 4 };

static struct lock lock;
static struct request {
  bool taken;
  volatile bool done;
  bool failed;
  bool is_write;
  unsigned count; /* of sectors */
  void* memory;
} request;
volatile uint32_t ide_interrupts; /* that belonged to a request */

static uint8_t wait_while_busy(void) {
  uint8_t status;
  do status = inb(IDE_STATUS);
  while ((status & (IDE_BUSY | IDE_READY)) != IDE_READY);
  return status;
}

static void select(unsigned drive, uint32_t sector) {
  outb(IDE_DRIVE, (uint8_t)(IDE_LBA | (drive != 0 ? IDE_SECOND_DRIVE : 0) | (sector >> 24 & 0xf)));
}

/* Without interrupts. Whether it went well. */
static bool simple_command(unsigned drive, enum ide_command command) {
  select(drive, 0);
  outb(IDE_CONTROL, IDE_NO_INTERRUPTS);
  outb(IDE_COUNT, kMostSectors);
  outb(IDE_COMMAND, (uint8_t)command);
  const bool well = (wait_while_busy() & (IDE_ERROR | IDE_FAULT)) == 0;
  outb(IDE_CONTROL, 0);
  return well;
}

static void identify(unsigned drive) {
  enum { kSectorsWord = 60 };
  uint16_t words[SECTOR_SIZE / 2];
  if (!simple_command(drive, IDE_IDENTIFY)) panic("drive %u does not say who it is", drive);
  insl(IDE_DATA, words, kWordsOfSector);
  const uint32_t sectors = words[kSectorsWord] | (uint32_t)words[kSectorsWord + 1] << 16;
  if (!simple_command(drive, IDE_SET_MULTIPLE)) panic("drive %u knows no blocks of %u sectors", drive, kMostSectors);
  print("ide: drive %u, %u sectors\n", drive, sectors);
}

/* An absent drive's status is 0 when the other one answers for it. */
static bool is_present(unsigned drive) {
  select(drive, 0);
  for (unsigned i = 0; i < 1000; i++) {
    if (inb(IDE_STATUS) != 0) return true;
  }
  return false;
}

bool ide_init(void) {
  identify(0);
  if (!is_present(1)) return false;
  identify(1);
  return true;
}

static void start(unsigned drive, uint32_t sector, unsigned count, bool is_write) {
  wait_while_busy();
  select(drive, sector);
  outb(IDE_COUNT, (uint8_t)count);
  outb(IDE_SECTOR, (uint8_t)sector);
  outb(IDE_SECTOR_8, (uint8_t)(sector >> 8));
  outb(IDE_SECTOR_16, (uint8_t)(sector >> 16));
  if (!is_write) {
    outb(IDE_COMMAND, count > 1 ? IDE_READ_MULTIPLE : IDE_READ);
    return;
  }
  outb(IDE_COMMAND, count > 1 ? IDE_WRITE_MULTIPLE : IDE_WRITE);
  if ((wait_while_busy() & IDE_WANTS_DATA) != 0) outsl(IDE_DATA, request.memory, count * kWordsOfSector);
  /* A drive that wants nothing has failed, and says so by its interrupt. */
}

void ide_interrupt(void) {
  acquire(&lock);
  const uint8_t status = inb(IDE_STATUS); /* which also lets the drive interrupt again */
  if (request.taken && !request.done && (status & IDE_BUSY) == 0) {
    request.failed = (status & (IDE_ERROR | IDE_FAULT)) != 0;
    if (!request.failed && !request.is_write) insl(IDE_DATA, request.memory, request.count * kWordsOfSector);
    request.done = true;
    ide_interrupts = ide_interrupts + 1;
    wake_all(&request.done);
  }
  release(&lock);
}

static bool transfer(unsigned drive, uint32_t sector, unsigned count, void* memory, bool is_write) {
  if (count == 0 || count > kMostSectors) return false;
  acquire(&lock);
  while (request.taken) sleep_on(&request, &lock);
  request = (struct request){.taken = true, .is_write = is_write, .count = count, .memory = memory};
  start(drive, sector, count, is_write);
  while (!request.done) sleep_on(&request.done, &lock);
  const bool well = !request.failed;
  request.taken = false;
  wake_all(&request);
  release(&lock);
  return well;
}

bool ide_read(unsigned drive, uint32_t sector, unsigned count, void* to) {
  return transfer(drive, sector, count, to, false);
}

bool ide_write(unsigned drive, uint32_t sector, unsigned count, const void* from) {
  return transfer(drive, sector, count, (void*)from, true);
}
