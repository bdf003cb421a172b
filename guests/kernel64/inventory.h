/* A data structure worth looking at: a linked list of nested structs. */
#pragma once

#include <stdint.h>

enum category { TOOL, FRUIT, BOOK };
enum inventory_state { INVENTORY_EMPTY, INVENTORY_OPEN, INVENTORY_FULL };

struct price {
  unsigned euros;
  unsigned cents;
};

struct item {
  const char* name;
  enum category category;
  unsigned quantity;
  struct price price;
  unsigned char tags[4];
  struct item* next;
};

struct inventory {
  const char* owner;
  enum inventory_state state;
  struct item* first;
  unsigned count;
  struct {
    unsigned pieces;
    struct price value;
  } totals;
  uint32_t checksums[4]; /* of the last rounds */
  unsigned rounds;
};

extern struct inventory inventory;

/* One more item, the oldest leaving when there is no room. */
void inventory_restock(void);
/* Adds everything up again. */
void inventory_audit(void);
