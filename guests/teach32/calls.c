/* System calls. What user mode passes is checked before it is touched. */
#include "common/machine.h"
#include "teach32/kernel.h"

struct arguments {
  uint32_t a, b, c, d;
};

static bool readable(uint32_t address, uint32_t size) {
  return is_user_memory(current_process()->directory, address, size, 0);
}

static bool writable(uint32_t address, uint32_t size) {
  return is_user_memory(current_process()->directory, address, size, PAGE_WRITABLE);
}

/* Copies a name; false if it is not in user memory or too long. */
static bool get_name(uint32_t address, char name[kNameSize]) {
  for (unsigned i = 0; i < kNameSize; i++) {
    if (!readable(address + i, 1)) return false;
    name[i] = *(const char*)(address + i);
    if (name[i] == '\0') return true;
  }
  return false;
}

/* 0 or a failure. */
static int get_file(uint32_t name_address, struct file* file) {
  char name[kNameSize];
  if (!get_name(name_address, name)) return BAD_ADDRESS;
  return archive_find(name, file) ? 0 : NO_SUCH_FILE;
}

static int call_exit(const struct arguments* given) { end_process((int)given->a); }

static int call_write(const struct arguments* given) {
  if (!readable(given->a, given->b)) return BAD_ADDRESS;
  console_write((const char*)given->a, given->b);
  return (int)given->b;
}

static int call_read(const struct arguments* given) {
  if (!writable(given->a, given->b)) return BAD_ADDRESS;
  return (int)console_read((char*)given->a, given->b);
}

static int call_file_facts(const struct arguments* given) {
  struct file file;
  if (!writable(given->b, sizeof file.facts)) return BAD_ADDRESS;
  if (!archive_entry(given->a, &file)) return 0;
  *(struct file_facts*)given->b = file.facts;
  return 1;
}

static int call_read_file(const struct arguments* given) {
  struct file file;
  const int failure = get_file(given->a, &file);
  if (failure != 0) return failure;
  if (!writable(given->c, given->d)) return BAD_ADDRESS;
  return archive_read(&file, given->b, (void*)given->c, given->d);
}

static int call_write_file(const struct arguments* given) {
  struct file file;
  const int failure = get_file(given->a, &file);
  if (failure != 0) return failure;
  if (!readable(given->c, given->d)) return BAD_ADDRESS;
  return archive_write(&file, given->b, (const void*)given->c, given->d);
}

static int call_cpu_facts(const struct arguments* given) {
  if (!writable(given->b, sizeof(struct cpu_facts))) return BAD_ADDRESS;
  if (given->a >= cpu_count) return 0;
  const struct cpu* const cpu = &cpus[given->a];
  struct cpu_facts facts = {.apic_id = cpu->apic_id, .ticks = cpu->ticks};
  const struct process* const running = cpu->current; /* a process's memory stays, whoever it is by now */
  if (running != NULL) memcpy(facts.running, running->name, kNameSize);
  *(struct cpu_facts*)given->b = facts;
  return 1;
}

static int call_process_facts(const struct arguments* given) {
  if (!writable(given->b, sizeof(struct process_facts))) return BAD_ADDRESS;
  return process_facts(given->a, (struct process_facts*)given->b);
}

static int call_start(const struct arguments* given) {
  char name[kNameSize];
  return get_name(given->a, name) ? start_program(name) : BAD_ADDRESS;
}

static int call_wait(const struct arguments* given) { return wait_for_child(given->a); }

static int call_sleep(const struct arguments* given) {
  sleep_ticks(given->a);
  return 0;
}

static int call_power_off(const struct arguments* given) {
  (void)given;
  print("power off\n");
  power_off();
}

void handle_system_call(struct trap_frame* frame) {
  static int (*const calls[CALLS])(const struct arguments*) = {
      [CALL_EXIT] = call_exit,           [CALL_WRITE] = call_write,
      [CALL_READ] = call_read,           [CALL_FILE_FACTS] = call_file_facts,
      [CALL_READ_FILE] = call_read_file, [CALL_WRITE_FILE] = call_write_file,
      [CALL_CPU_FACTS] = call_cpu_facts, [CALL_PROCESS_FACTS] = call_process_facts,
      [CALL_START] = call_start,         [CALL_WAIT] = call_wait,
      [CALL_SLEEP] = call_sleep,         [CALL_POWER_OFF] = call_power_off,
  };
  const struct arguments given = {.a = frame->ebx, .b = frame->ecx, .c = frame->edx, .d = frame->esi};
  frame->eax = frame->eax < CALLS ? (uint32_t)calls[frame->eax](&given) : (uint32_t)NO_SUCH_CALL;
}
