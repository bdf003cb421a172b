/*
 * Drive 1's files: a ustar archive (POSIX.1, pax, "ustar Interchange Format"). A header sector, the contents in whole
 * sectors, the next header; behind the last file zeros.
 */
#include "teach32/ide.h"
#include "teach32/kernel.h"

enum { kDrive = 1, kNameBytes = 100, kSizeAt = 124, kSizeDigits = 11, kTypeAt = 156, kMagicAt = 257 };

static uint32_t octal(const char* digits, unsigned count) {
  uint32_t value = 0;
  for (; count > 0 && *digits >= '0' && *digits <= '7'; count--) value = value * 8 + (uint32_t)(*digits++ - '0');
  return value;
}

static uint32_t sectors_of(uint32_t bytes) { return bytes / SECTOR_SIZE + (bytes % SECTOR_SIZE != 0); }

static bool is_plain_file(const char* header) { return header[kTypeAt] == '0' || header[kTypeAt] == '\0'; }

static bool same(const char* a, const char* b) {
  while (*a == *b && *a != '\0') a++, b++;
  return *a == *b;
}

/* The file whose header is there, a page's start. False: no more headers. */
static bool read_header(char* page, uint32_t sector, struct file* file) {
  if (!ide_read(kDrive, sector, 1, page)) return false;
  if (*(const uint32_t*)(page + kMagicAt) != *(const uint32_t*)"usta") return false;
  *file = (struct file){.sector = sector + 1, .facts.size = octal(page + kSizeAt, kSizeDigits)};
  memcpy(file->facts.name, page, kNameSize - 1); /* longer names are cut */
  return true;
}

/* Goes through the plain files until one has the name, or the index when there is no name. */
static bool find(const char* name, unsigned index, struct file* file) {
  char* const page = alloc_page();
  bool found = false;
  for (uint32_t sector = 0; !found && read_header(page, sector, file);
       sector = file->sector + sectors_of(file->facts.size)) {
    if (!is_plain_file(page)) continue;
    found = name != NULL ? same(name, file->facts.name) : index == 0;
    index--;
  }
  free_page(page);
  return found;
}

bool archive_entry(unsigned index, struct file* file) { return find(NULL, index, file); }

bool archive_find(const char* name, struct file* file) { return find(name, 0, file); }

/* What of a request lies in the next page of sectors. */
struct piece {
  uint32_t sector;
  unsigned sectors;
  uint32_t skip; /* bytes before it in the first sector */
  uint32_t size;
};

static struct piece piece_at(const struct file* file, uint32_t offset, uint32_t size) {
  struct piece piece = {.sector = file->sector + offset / SECTOR_SIZE, .skip = offset % SECTOR_SIZE, .size = size};
  if (piece.size > PAGE_SIZE - piece.skip) piece.size = PAGE_SIZE - piece.skip;
  piece.sectors = sectors_of(piece.skip + piece.size);
  return piece;
}

static uint32_t within(const struct file* file, uint32_t offset, uint32_t size) {
  if (offset >= file->facts.size) return 0;
  const uint32_t left = file->facts.size - offset;
  return size < left ? size : left;
}

int archive_read(const struct file* file, uint32_t offset, void* to, uint32_t size) {
  size = within(file, offset, size);
  uint8_t* const page = alloc_page();
  uint32_t done = 0;
  bool well = true;
  while (well && done < size) {
    const struct piece piece = piece_at(file, offset + done, size - done);
    well = ide_read(kDrive, piece.sector, piece.sectors, page);
    if (well) memcpy((uint8_t*)to + done, page + piece.skip, piece.size);
    done += piece.size;
  }
  free_page(page);
  return well ? (int)size : DISK_ERROR;
}

/* The rest of the first and the last sector must stay as it is: read, change, write; then read what is there now. */
int archive_write(const struct file* file, uint32_t offset, const void* from, uint32_t size) {
  size = within(file, offset, size);
  uint8_t* const page = alloc_page();
  uint32_t done = 0;
  bool well = true;
  while (well && done < size) {
    const struct piece piece = piece_at(file, offset + done, size - done);
    well = ide_read(kDrive, piece.sector, piece.sectors, page);
    memcpy(page + piece.skip, (const uint8_t*)from + done, piece.size);
    well = well && ide_write(kDrive, piece.sector, piece.sectors, page) &&
           ide_read(kDrive, piece.sector, piece.sectors, page);
    for (uint32_t i = 0; well && i < piece.size; i++) {
      well = page[piece.skip + i] == ((const uint8_t*)from)[done + i];
    }
    done += piece.size;
  }
  free_page(page);
  return well ? (int)size : DISK_ERROR;
}
