/* A program that writes where it must not: the kernel ends it and lives on. */
#include "teach32/layout.h"
#include "teach32/user/lib.h"

int main(void) {
  *(volatile uint32_t*)KERNEL_BASE = 1;
  return 0;
}
