/* gcc may call these even in freestanding code. */
#include <stddef.h>

void* memset(void* to, int value, size_t size) {
  for (unsigned char* byte = to; size > 0; size--) *byte++ = (unsigned char)value;
  return to;
}

void* memcpy(void* restrict to, const void* restrict from, size_t size) {
  const unsigned char* source = from;
  for (unsigned char* byte = to; size > 0; size--) *byte++ = *source++;
  return to;
}
