/*
 * A multiboot kernel in 32-bit protected mode without paging. Prints what the loader handed over and works a little;
 * then, by its command line: (nothing)  powers off        loop    works for ever, counting in `work_counter` exit=N
 * debug exit N      triple  triple fault
 */
#include <stdint.h>

#include "common/command_line.h"
#include "common/console.h"
#include "common/machine.h"
#include "common/multiboot.h"

enum memory_kind { MEMORY_USABLE = 1, MEMORY_RESERVED = 2 };

struct memory_range {
  uint64_t base;
  uint64_t length;
  enum memory_kind kind;
};

struct boot_summary {
  const char* command_line;
  struct memory_range ranges[16];
  unsigned range_count;
  unsigned module_count;
  struct {
    uint32_t usable_kib;
    uint32_t module_bytes;
  } totals;
};

struct boot_summary summary;
volatile uint32_t work_counter;
volatile uint32_t fibonacci_depth;

static void read_memory_map(const struct multiboot_info* info) {
  uint32_t at = info->map;
  const uint32_t end = info->map + info->map_length;
  while (at < end && summary.range_count < 16) {
    const struct multiboot_map_entry* entry = (const struct multiboot_map_entry*)at;
    struct memory_range* range = &summary.ranges[summary.range_count++];
    range->base = entry->base;
    range->length = entry->length;
    range->kind = entry->type == MEMORY_USABLE ? MEMORY_USABLE : MEMORY_RESERVED;
    if (range->kind == MEMORY_USABLE) summary.totals.usable_kib += (uint32_t)(range->length >> 10);
    print("memory %010llx + %010llx %s\n", range->base, range->length,
          range->kind == MEMORY_USABLE ? "usable" : "reserved");
    at += entry->size + sizeof entry->size;
  }
}

static void read_modules(const struct multiboot_info* info) {
  const struct multiboot_module* module = (const struct multiboot_module*)info->modules;
  for (unsigned i = 0; i < info->module_count; i++, module++) {
    summary.module_count++;
    summary.totals.module_bytes += module->end - module->start;
    uint32_t sum = 0;
    for (const uint8_t* byte = (const uint8_t*)module->start; byte < (const uint8_t*)module->end; byte++) sum += *byte;
    print("module \"%s\" at %x, %u bytes, byte sum %u\n", module->text != 0 ? (const char*)module->text : "",
          module->start, module->end - module->start, sum);
  }
}

static void read_boot_information(const struct multiboot_info* info) {
  summary.command_line = (info->flags & kMultibootHasCommandLine) != 0 ? (const char*)info->command_line : "";
  print("command line \"%s\"\n", summary.command_line);
  if ((info->flags & kMultibootHasMap) != 0) read_memory_map(info);
  if ((info->flags & kMultibootHasModules) != 0) read_modules(info);
  print("%u KiB usable, %u modules\n", summary.totals.usable_kib, summary.module_count);
}

uint32_t fibonacci(uint32_t n) {
  if (n < 2) return n;
  fibonacci_depth++;
  const uint32_t before = fibonacci(n - 2);
  const uint32_t last = fibonacci(n - 1);
  fibonacci_depth--;
  return before + last;
}

/* One piece of work, called for ever with the word `loop`. */
__attribute__((noinline)) void work_once(uint32_t amount) { work_counter += amount; }

static _Noreturn void work_for_ever(void) {
  print("working for ever\n");
  for (;;) work_once(1);
}

static void compute(void) {
  const uint32_t result = fibonacci(10);
  print("fibonacci(10) = %u\n", result);
}

static void run(const char* command_line) {
  compute();
  if (has_word(command_line, "loop")) work_for_ever();
  if (has_word(command_line, "triple")) triple_fault();
  if (has_word(command_line, "exit")) debug_exit((uint8_t)word_value(command_line, "exit", 0));
  print("power off\n");
  power_off();
}

void kernel_main(uint32_t magic, const struct multiboot_info* info) {
  console_init();
  debug_print("protected32\n");
  print("Hello from 32-bit protected mode!\n");
  if (magic != kMultibootBootMagic) {
    print("no multiboot loader: magic %x\n", magic);
    return;
  }
  read_boot_information(info);
  run(summary.command_line);
}
