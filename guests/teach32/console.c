/*
 * Text to and from people. What is written goes to the screen and to COM1. What is typed, at the keyboard or at COM1's
 * other end, is collected and echoed here until its line is complete, and then belongs to whoever reads first.
 */
#include <stdarg.h>

#include "common/format.h"
#include "teach32/kernel.h"

enum { kLine = 128, kBackspace = 8, kDelete = 127 };

static struct lock output_lock;
static bool panicking;

/* Lock order: input, then output. */
static struct lock input_lock;
static struct {
  char text[kLine];
  size_t read;     /* up to here it has been read */
  size_t complete; /* up to here it has its end */
  size_t typed;    /* up to here it can still be changed */
} input;

static void write_to_all(const char* text, size_t size) {
  screen_write(text, size);
  serial_write(text, size);
}

void console_write(const char* text, size_t size) {
  acquire(&output_lock);
  write_to_all(text, size);
  release(&output_lock);
}

struct buffer {
  char text[64];
  size_t used;
};

static void put(char c, void* where) {
  struct buffer* const buffer = where;
  buffer->text[buffer->used++] = c;
  if (buffer->used < sizeof buffer->text) return;
  write_to_all(buffer->text, buffer->used);
  buffer->used = 0;
}

static void vprint(const char* format, va_list arguments) {
  struct buffer buffer = {.used = 0};
  format_text(put, &buffer, format, arguments);
  write_to_all(buffer.text, buffer.used);
}

void print(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  acquire(&output_lock);
  vprint(format, arguments);
  release(&output_lock);
  va_end(arguments);
}

/* Takes no lock: this CPU may hold it. */
_Noreturn void panic(const char* format, ...) {
  __asm__ volatile("cli");
  va_list arguments;
  va_start(arguments, format);
  if (!panicking) {
    panicking = true;
    vprint("\npanic: ", arguments);
    vprint(format, arguments);
    vprint("\n", arguments);
  }
  va_end(arguments);
  for (;;) __asm__ volatile("cli; hlt");
}

void console_typed(char c) {
  acquire(&input_lock);
  if (c == '\r') c = '\n';
  if (c == kBackspace || c == kDelete) {
    if (input.typed > input.complete) {
      input.typed--;
      console_write("\b \b", 3);
    }
  } else if (c == '\n' || (c >= ' ' && input.typed < kLine - 1)) {
    input.text[input.typed++] = c;
    console_write(&c, 1);
  }
  if (c == '\n') {
    input.complete = input.typed;
    wake_all(&input);
  }
  release(&input_lock);
}

size_t console_read(char* text, size_t size) {
  acquire(&input_lock);
  while (input.read == input.complete) sleep_on(&input, &input_lock);
  size_t count = 0;
  while (count < size && input.read < input.complete) {
    text[count] = input.text[input.read++];
    if (text[count++] == '\n') break;
  }
  if (input.read == input.typed) input.read = input.complete = input.typed = 0;
  release(&input_lock);
  return count;
}
