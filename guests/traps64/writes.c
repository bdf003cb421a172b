/*
 * Stores, each of one instruction in a function of its own, store_NAME, up to the label stored_NAME right behind it.
 * What they write is in pages that hold nothing else.
 */
#include <stddef.h>

#include "common/console.h"
#include "traps64/traps64.h"

enum { kPage = 4096, kFilled = 32, kMoved = 4, kNeighbourStores = 20 };

struct __attribute__((packed)) record {
  uint32_t id;
  char name[24];
  uint32_t points[18];
};
_Static_assert(sizeof(struct record) == 100, "as many bytes as tests watch");

struct __attribute__((packed)) cells {
  uint64_t qword;
  uint32_t dword;
  uint16_t word;
  uint8_t byte;
  uint8_t odd; /* so that `unaligned` isn't */
  uint8_t padding;
  uint64_t unaligned;
  uint8_t more_padding[7];
  uint64_t neighbour; /* written often */
  uint64_t unchanged; /* written often, always the same value */
  uint64_t loaded;    /* only read */
  uint64_t added;     /* by `lock xadd` */
  uint64_t exchanged; /* by `xchg` */
  uint8_t filled[kFilled];
  uint64_t moved[kMoved];
  struct record record;
};

struct __attribute__((packed, aligned(4096))) pages {
  union {
    struct cells cells;
    uint8_t first_page[kPage - 4];
  };
  uint64_t across; /* half in each page */
  uint8_t behind[kPage - 4];
};
_Static_assert(sizeof(struct pages) == 2 * kPage, "pages of their own");

volatile struct pages watched = {.cells = {.unchanged = 0x5a5a5a5a, .loaded = 0x10ad}};

volatile struct __attribute__((aligned(4096))) {
  uint64_t counter;
  uint8_t rest[kPage - 8];
} elsewhere;

uint64_t load_sum;
static const uint64_t patterns[kMoved] = {1, 2, 3, 4};

#define STORE(name, instruction, type, cell)                                                             \
  CALLED void store_##name(type value) {                                                                 \
    __asm__ volatile(instruction " %1, %0\nstored_" #name ":" : "=m"(watched.cell) : "r"(value) : "cc"); \
  }
STORE(byte, "movb", uint8_t, cells.byte)
STORE(word, "movw", uint16_t, cells.word)
STORE(dword, "movl", uint32_t, cells.dword)
STORE(qword, "movq", uint64_t, cells.qword)
STORE(unaligned, "movq", uint64_t, cells.unaligned)
STORE(across, "movq", uint64_t, across)
STORE(neighbour, "movq", uint64_t, cells.neighbour)
STORE(unchanged, "movq", uint64_t, cells.unchanged)
STORE(id, "movl", uint32_t, cells.record.id)
STORE(name, "movb", char, cells.record.name[0])
STORE(point, "movl", uint32_t, cells.record.points[17])
STORE(behind, "movb", uint8_t, behind[0])

CALLED void store_added(uint64_t value) {
  __asm__ volatile("lock xaddq %1, %0\nstored_added:" : "+m"(watched.cells.added), "+r"(value) : : "cc");
}

CALLED void store_exchanged(uint64_t value) {
  __asm__ volatile("xchgq %1, %0\nstored_exchanged:" : "+m"(watched.cells.exchanged), "+r"(value));
}

CALLED void store_filled(uint8_t value) {
  volatile uint8_t* to = watched.cells.filled;
  uint64_t count = kFilled;
  __asm__ volatile("storing_filled: rep stosb\nstored_filled:" : "+D"(to), "+c"(count) : "a"(value) : "memory");
}

CALLED void store_moved(const uint64_t* from) {
  volatile void* to = &watched.cells.moved;
  uint64_t count = kMoved;
  __asm__ volatile("storing_moved: rep movsq\nstored_moved:" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

CALLED uint64_t load_loaded(void) {
  uint64_t value;
  __asm__ volatile("movq %1, %0\nloaded_loaded:" : "=r"(value) : "m"(watched.cells.loaded));
  return value;
}

CALLED void count_elsewhere(void) { elsewhere.counter = elsewhere.counter + 1; }

static void move_round(uint64_t round) {
  uint64_t from[kMoved];
  for (unsigned i = 0; i < kMoved; i++) from[i] = patterns[i] * round;
  store_moved(from);
}

static void store_all(uint64_t round) {
  store_byte((uint8_t)round);
  store_word((uint16_t)(round * 0x101));
  store_dword((uint32_t)(round * 0x10101));
  store_qword(round * 0x100000001);
  store_unaligned(round * 0x1000000010001);
  store_across(round * 0x0101010101010101);
  store_unchanged(0x5a5a5a5a);
  store_added(3);
  store_exchanged(round << 32);
  store_filled((uint8_t)(round + 0x30));
  move_round(round);
  store_id((uint32_t)(1000 + round));
  store_name((char)('a' + round));
  store_point((uint32_t)(round * round));
  store_behind((uint8_t)(round ^ 0xff));
  load_sum += load_loaded();
}

static uint64_t checksum(void) {
  uint64_t sum = 0;
  const volatile uint8_t* const bytes = (const volatile uint8_t*)&watched;
  const struct {
    size_t begin, end;
  } parts[] = {{0, sizeof(struct cells)}, {offsetof(struct pages, across), offsetof(struct pages, behind) + 1}};
  for (unsigned part = 0; part < 2; part++) {
    for (size_t at = parts[part].begin; at < parts[part].end; at++) sum = sum * 31 + bytes[at];
  }
  return sum;
}

void job_writes(uint64_t rounds) {
  for (uint64_t round = 1; round <= rounds; round++) {
    store_all(round);
    for (unsigned i = 0; i < kNeighbourStores; i++) store_neighbour(watched.cells.neighbour + 1);
    count_elsewhere();
  }
  print("writes: %lu rounds, neighbour %lu, loaded %lx, checksum %lx\n", elsewhere.counter, watched.cells.neighbour,
        load_sum, checksum());
}

/* `local` is in the stack's memory, between a frame that never changes and one that often does. */
CALLED uint64_t change_local(uint64_t rounds) {
  volatile uint64_t local = 0;
  for (uint64_t round = 1; round <= rounds; round++) {
    local = local + round;
    count_elsewhere();
  }
  return local;
}

void job_stack(uint64_t rounds) {
  const uint64_t sum = change_local(rounds);
  print("stack: local %lu after %lu calls\n", sum, elsewhere.counter);
}
