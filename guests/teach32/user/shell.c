/* The shell: a prompt, a few commands of its own, and every other word is a program on drive 1. */
#include "teach32/user/lib.h"

enum { kLine = 80 };

struct command {
  const char* name;
  const char* help;
  void (*run)(char* arguments);
};

/* Splits the first word off. Returns what follows it. */
static char* end_word(char* text) {
  while (*text != '\0' && *text != ' ') text++;
  while (*text == ' ') *text++ = '\0';
  return text;
}

static unsigned length(const char* text) {
  unsigned count = 0;
  while (text[count] != '\0') count++;
  return count;
}

static void complain(const char* about, int failure) {
  static const char* const reasons[] = {
      [-NO_SUCH_CALL] = "no such call", [-BAD_ADDRESS] = "bad address", [-NO_SUCH_FILE] = "no such file or command",
      [-BAD_PROGRAM] = "not a program", [-DISK_ERROR] = "disk error",   [-NO_ROOM] = "too many processes",
      [-NO_CHILD] = "no such child",
  };
  print("%s: %s\n", about, reasons[-failure]);
}

static void list(char* unused) {
  (void)unused;
  struct file_facts file;
  for (uint32_t i = 0; call_kernel(CALL_FILE_FACTS, i, (uint32_t)&file, 0, 0) > 0; i++) {
    print("%6u %s\n", file.size, file.name);
  }
}

static void show_file(char* name) {
  char text[256];
  uint32_t at = 0;
  int count;
  while ((count = call_kernel(CALL_READ_FILE, (uint32_t)name, at, (uint32_t)text, sizeof text)) > 0) {
    call_kernel(CALL_WRITE, (uint32_t)text, (uint32_t)count, 0, 0);
    at += (uint32_t)count;
  }
  if (count < 0) complain(name, count);
}

static void write_file(char* name) {
  const char* const text = end_word(name);
  const int count = call_kernel(CALL_WRITE_FILE, (uint32_t)name, 0, (uint32_t)text, length(text));
  if (count < 0) {
    complain(name, count);
  } else {
    print("%d bytes written and read back\n", count);
  }
}

static void show_cpus(char* unused) {
  (void)unused;
  struct cpu_facts cpu;
  for (uint32_t i = 0; call_kernel(CALL_CPU_FACTS, i, (uint32_t)&cpu, 0, 0) > 0; i++) {
    print("CPU %u: APIC id %u, %u ticks %s\n", i, cpu.apic_id, cpu.ticks, cpu.running);
  }
}

static void show_processes(char* unused) {
  (void)unused;
  struct process_facts process;
  for (uint32_t i = 0; call_kernel(CALL_PROCESS_FACTS, i, (uint32_t)&process, 0, 0) > 0; i++) {
    if (process.id != 0) print("%3u %-8s %s\n", process.id, process.state, process.name);
  }
}

static void power_off(char* unused) {
  (void)unused;
  call_kernel(CALL_POWER_OFF, 0, 0, 0, 0);
}

static void help(char* unused);

static const struct command commands[] = {
    {"help", "           this list", help},
    {"ls", "             the files on drive 1", list},
    {"cat", "FILE        what is in it", show_file},
    {"write", "FILE TEXT puts the text at the file's beginning", write_file},
    {"cpus", "           the CPUs and what they run", show_cpus},
    {"ps", "             the processes", show_processes},
    {"off", "            power off", power_off},
};
enum { kCommands = sizeof commands / sizeof commands[0] };

static void help(char* unused) {
  (void)unused;
  for (unsigned i = 0; i < kCommands; i++) print("%s %s\n", commands[i].name, commands[i].help);
  print("any other word: a program on drive 1\n");
}

static void run_program(const char* name) {
  const int id = call_kernel(CALL_START, (uint32_t)name, 0, 0, 0);
  if (id < 0) {
    complain(name, id);
    return;
  }
  const int code = call_kernel(CALL_WAIT, (uint32_t)id, 0, 0, 0);
  if (code != 0) print("%s: exit code %d\n", name, code);
}

static void run_line(char* line) {
  char* const arguments = end_word(line);
  for (unsigned i = 0; i < kCommands; i++) {
    if (!same(line, commands[i].name)) continue;
    commands[i].run(arguments);
    return;
  }
  if (*line != '\0') run_program(line);
}

int main(void) {
  char line[kLine];
  for (;;) {
    print("$ ");
    read_line(line, sizeof line);
    run_line(line);
  }
}
