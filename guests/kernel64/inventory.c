#include "kernel64/inventory.h"

#include <stddef.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

static const struct item catalogue[] = {
    {"hammer", TOOL, 2, {12, 50}, {1, 2, 3, 4}, NULL}, {"apple", FRUIT, 30, {0, 40}, {5, 6, 7, 8}, NULL},
    {"manual", BOOK, 1, {39, 99}, {9, 8, 7, 6}, NULL}, {"pear", FRUIT, 12, {0, 55}, {5, 4, 3, 2}, NULL},
    {"saw", TOOL, 1, {19, 95}, {1, 1, 2, 3}, NULL},
};

static struct item shelf[4];
static unsigned restocked;

struct inventory inventory = {.owner = "kernel64", .state = INVENTORY_EMPTY};

static void remove_oldest(struct inventory* from) {
  struct item** link = &from->first;
  while ((*link)->next != NULL) link = &(*link)->next;
  *link = NULL;
  from->count--;
}

static void add_newest(struct inventory* to, struct item* item) {
  item->next = to->first;
  to->first = item;
  to->count++;
}

void inventory_restock(void) {
  if (inventory.count == LENGTH(shelf)) remove_oldest(&inventory);
  struct item* const item = &shelf[restocked % LENGTH(shelf)];
  *item = catalogue[restocked % LENGTH(catalogue)];
  restocked++;
  add_newest(&inventory, item);
  inventory.state = inventory.count == LENGTH(shelf) ? INVENTORY_FULL : INVENTORY_OPEN;
}

/* Long enough that timer interrupts mostly arrive here. */
static uint32_t checksum(const void* data, size_t size) {
  uint32_t sum = 2166136261u;
  for (unsigned round = 0; round < 8; round++) {
    for (size_t i = 0; i < size; i++) sum = (sum ^ ((const unsigned char*)data)[i]) * 16777619u;
  }
  return sum;
}

static uint32_t audit_item(const struct item* item) {
  inventory.totals.pieces += item->quantity;
  const unsigned cents = inventory.totals.value.cents + item->quantity * item->price.cents;
  inventory.totals.value.euros += item->quantity * item->price.euros + cents / 100;
  inventory.totals.value.cents = cents % 100;
  return checksum(item, offsetof(struct item, next));
}

void inventory_audit(void) {
  uint32_t sum = 0;
  inventory.totals.pieces = 0;
  inventory.totals.value = (struct price){0, 0};
  for (const struct item* item = inventory.first; item != NULL; item = item->next) sum ^= audit_item(item);
  inventory.checksums[inventory.rounds++ % LENGTH(inventory.checksums)] = sum;
}
