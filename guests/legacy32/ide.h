/* The two drives of the first IDE channel, by programmed I/O and polling. */
#pragma once

#include <stdint.h>

enum { SECTOR_SIZE = 512 };

/* The status register of the drive (0, 1), which is 0 when it is absent. */
uint8_t ide_status(unsigned drive);
/* How many sectors it says it has. */
uint32_t ide_sectors(unsigned drive);
/* One sector, by 32-bit (read) and 16-bit (write) string instructions. 0, or the error register, or 0x100 for no data
   request. */
unsigned ide_read(unsigned drive, uint32_t sector, void* to);
unsigned ide_write(unsigned drive, uint32_t sector, const void* from);
