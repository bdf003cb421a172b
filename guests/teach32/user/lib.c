#include "teach32/user/lib.h"

#include <stdarg.h>

#include "common/format.h"

int call_kernel(enum call call, uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  int result;
  __asm__ volatile("int %1" : "=a"(result) : "i"(0x40), "a"(call), "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
  return result;
}

_Noreturn void exit(int code) {
  for (;;) call_kernel(CALL_EXIT, (uint32_t)code, 0, 0, 0);
}

/* The kernel enters here, on an empty stack. */
void start(void) {
  __asm__ volatile(".cfi_undefined eip"); /* nobody called: a back trace ends here */
  exit(main());
}

struct buffer {
  char text[64];
  unsigned used;
};

static void flush(struct buffer* buffer) {
  call_kernel(CALL_WRITE, (uint32_t)buffer->text, buffer->used, 0, 0);
  buffer->used = 0;
}

static void put(char c, void* where) {
  struct buffer* const buffer = where;
  buffer->text[buffer->used++] = c;
  if (buffer->used == sizeof buffer->text) flush(buffer);
}

void print(const char* format, ...) {
  struct buffer buffer = {.used = 0};
  va_list arguments;
  va_start(arguments, format);
  format_text(put, &buffer, format, arguments);
  va_end(arguments);
  flush(&buffer);
}

void read_line(char* line, unsigned size) {
  const int count = call_kernel(CALL_READ, (uint32_t)line, size - 1, 0, 0);
  unsigned end = count > 0 ? (unsigned)count : 0;
  if (end > 0 && line[end - 1] == '\n') end--;
  line[end] = '\0';
}

bool same(const char* a, const char* b) {
  while (*a == *b && *a != '\0') a++, b++;
  return *a == *b;
}
