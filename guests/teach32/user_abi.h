/*
 * How user mode asks the kernel: `int 0x40` with a call's number in eax and its arguments in ebx, ecx, edx and esi; the
 * result comes in eax, negative (enum failure) when there is none.
 */
#pragma once

#include <stdint.h>

enum { kNameSize = 32 };

enum call {
  CALL_EXIT,          /* (code) */
  CALL_WRITE,         /* (text, size) to the console */
  CALL_READ,          /* (text, size) a line from the console: how many bytes */
  CALL_FILE_FACTS,    /* (index, struct file_facts*) 1, or 0 behind the last */
  CALL_READ_FILE,     /* (name, offset, to, size) how many bytes */
  CALL_WRITE_FILE,    /* (name, offset, from, size) how many bytes; within the file's size */
  CALL_CPU_FACTS,     /* (index, struct cpu_facts*) 1, or 0 behind the last */
  CALL_PROCESS_FACTS, /* (index, struct process_facts*) 1, or 0 behind the last */
  CALL_START,         /* (name) the program's process id */
  CALL_WAIT,          /* (process id) for the end of a child: its exit code */
  CALL_SLEEP,         /* (ticks) */
  CALL_POWER_OFF,
  CALLS,
};

enum failure {
  NO_SUCH_CALL = -1,
  BAD_ADDRESS = -2,
  NO_SUCH_FILE = -3,
  BAD_PROGRAM = -4,
  DISK_ERROR = -5,
  NO_ROOM = -6,
  NO_CHILD = -7
};

struct file_facts {
  char name[kNameSize];
  uint32_t size;
};

struct cpu_facts {
  uint32_t apic_id;
  uint32_t ticks;
  char running[kNameSize]; /* "": nothing */
};

struct process_facts {
  uint32_t id; /* 0: none */
  char state[kNameSize];
  char name[kNameSize];
};
