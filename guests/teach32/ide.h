/* The registers of the first IDE channel: ATA-6, chapter 7. */
#pragma once

enum ide_port {
  IDE_DATA = 0x1f0,
  IDE_COUNT = 0x1f2,
  IDE_SECTOR = 0x1f3, /* bits 0 to 7, and so on */
  IDE_SECTOR_8 = 0x1f4,
  IDE_SECTOR_16 = 0x1f5,
  IDE_DRIVE = 0x1f6, /* with bits 24 to 27 */
  IDE_COMMAND = 0x1f7,
  IDE_STATUS = 0x1f7,
  IDE_CONTROL = 0x3f6,
};

enum { IDE_LBA = 0xe0, IDE_SECOND_DRIVE = 0x10, IDE_NO_INTERRUPTS = 2 };

enum ide_status { IDE_BUSY = 0x80, IDE_READY = 0x40, IDE_FAULT = 0x20, IDE_WANTS_DATA = 0x08, IDE_ERROR = 0x01 };

enum ide_command {
  IDE_READ = 0x20,
  IDE_READ_MULTIPLE = 0xc4,
  IDE_WRITE = 0x30,
  IDE_WRITE_MULTIPLE = 0xc5,
  IDE_SET_MULTIPLE = 0xc6,
  IDE_IDENTIFY = 0xec,
};

enum { SECTOR_SIZE = 512 };
