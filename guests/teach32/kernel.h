/* What the kernel's parts offer one another. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/segments32.h"
#include "teach32/layout.h"
#include "teach32/user_abi.h"

static inline void* virtual_of(uint32_t physical) { return (void*)(physical + KERNEL_BASE); }
static inline uint32_t physical_of(const void* virtual) { return (uint32_t)virtual - KERNEL_BASE; }

/* common/memory.c */
void* memset(void* to, int value, size_t size);
void* memcpy(void* restrict to, const void* restrict from, size_t size);

/* cpu.c: this CPU's own. */
enum { kMostCpus = 8, kSegments = 7 };

struct cpu {
  struct cpu* self; /* at %gs:0 */
  unsigned id;      /* index in `cpus` */
  unsigned apic_id;
  volatile bool started;
  volatile uint32_t ticks;   /* timer interrupts taken */
  struct process* current;   /* or NULL: the scheduler */
  struct context* scheduler; /* where the scheduler waits while a process runs */
  unsigned interrupts_off_depth;
  bool interrupts_were_on; /* before the first interrupts_off() */
  uint64_t segments[kSegments];
  struct task_state_segment task_state;
};

extern struct cpu cpus[kMostCpus]; /* cpus[0] started the machine */
extern unsigned cpu_count;

/* Loads this CPU's own GDT, TSS and %gs; the IDT, which all share. */
void cpu_init(struct cpu* cpu);
/* Call it with interrupts off: or what it returns may not be true any more. */
struct cpu* this_cpu(void);
/* These nest: the last interrupts_back() restores what the first interrupts_off() found. */
void interrupts_off(void);
void interrupts_back(void);
bool interrupts_are_on(void);

/* lock.c: for short times, interrupts off. */
struct lock {
  volatile uint32_t taken;
  const struct cpu* holder;
};
void acquire(struct lock* lock);
void release(struct lock* lock);
bool holding(const struct lock* lock);

/* pages.c: physical memory, page by page. */
void* alloc_page(void); /* all zero */
void free_page(void* page);
extern volatile uint32_t pages_in_use;

/* paging.c: address spaces. */
enum page_bits { PAGE_PRESENT = 1, PAGE_WRITABLE = 2, PAGE_USER = 4, PAGE_UNCACHED = 0x18 };
void kernel_paging_init(void);
void use_kernel_space(void);
void* map_device(uint32_t physical); /* only while CPU 0 starts */
uint32_t* new_space(void);
void use_space(const uint32_t* directory);
void free_space(uint32_t* directory);
/* A new page of user memory at a virtual address. */
void* add_user_page(uint32_t* directory, uint32_t address, enum page_bits bits);
/* Whether all of it is user memory of this space. */
bool is_user_memory(const uint32_t* directory, uint32_t address, uint32_t size, enum page_bits bits);

/* traps.S, traps.c */
enum vector {
  PAGE_FAULT = 14,
  IRQ_BASE = 32, /* what comes by the I/O APIC: the ISA's sixteen lines */
  TIMER_VECTOR = IRQ_BASE + 0,
  KEYBOARD_VECTOR = IRQ_BASE + 1,
  SERIAL_VECTOR = IRQ_BASE + 4,
  IDE_VECTOR = IRQ_BASE + 14,
  APIC_ERROR_VECTOR = IRQ_BASE + 19,
  SPURIOUS_VECTOR = IRQ_BASE + 31,
  VECTORS = SYSTEM_CALL + 1,
};

/* The interrupted state, as traps.S pushes it. */
struct trap_frame {
  uint32_t edi, esi, ebp, ebx, edx, ecx, eax;
  uint32_t gs, fs, es, ds;
  uint32_t vector;
  uint32_t error_code;
  uint32_t eip, cs, eflags;
  uint32_t esp, ss; /* only from user mode */
};
void load_interrupt_table(void);
void handle_trap(struct trap_frame* frame);
_Noreturn void return_to_user(struct trap_frame* frame);
extern volatile uint32_t ticks; /* CPU 0's: 100 a second. They wake whoever sleeps on &ticks. */
enum { kHertz = 100 };

/* mp.c, apic.c, ioapic.c, pit.c */
struct machine {
  uint32_t local_apic;
  uint32_t io_apic;
  unsigned io_apic_id;
  bool has_imcr; /* the PICs must be cut off from the CPU */
};
struct machine find_machine(void); /* fills `cpus`, too; without MP tables it panics */
void local_apic_init(void);
void local_apic_use(uint32_t physical); /* before all else of the local APIC, once */
unsigned local_apic_id(void);
void end_of_interrupt(void);
void note_apic_error(void);
void start_cpu(unsigned apic_id, uint32_t address);
void mask_pics(bool has_imcr);
void io_apic_init(const struct machine* machine);
void io_apic_enable(unsigned line, unsigned apic_id);
void delay(unsigned microseconds); /* at most 50 000, by the PIT */

/* process.c, program.c, switch.S */
enum { kMostProcesses = 16 };

/* What switch_context keeps on the stack. */
struct context {
  uint32_t edi, esi, ebx, ebp, eip;
};

struct process {
  enum { UNUSED, STARTING, READY, RUNNING, SLEEPING, ENDED } state;
  unsigned id;
  char name[kNameSize];
  struct process* parent;
  struct context* context;
  uint8_t* kernel_stack;   /* a page */
  uint32_t* directory;     /* NULL: the kernel's own */
  void (*entry)(void);     /* of a process that stays in the kernel */
  struct trap_frame* user; /* else: how it enters user mode first */
  const volatile void* sleeping_on;
  int exit_code;
};
extern struct process processes[kMostProcesses];

void switch_context(struct context** save, struct context* next);
struct process* current_process(void);
/* It stays in the kernel. */
void start_kernel_process(const char* name, void (*entry)(void));
/* A program in the archive becomes a child of the caller. Returns its id, or a negative enum failure. */
int start_program(const char* name);
_Noreturn void scheduler(void);
void yield(void);
/* Gives `lock` back while it sleeps; wake_all(the same) ends it. */
void sleep_on(const volatile void* what, struct lock* lock);
void wake_all(const volatile void* what);
void sleep_ticks(uint32_t count);
_Noreturn void end_process(int code);
int wait_for_child(unsigned id); /* its exit code */
bool process_facts(unsigned index, struct process_facts* facts);
/* For start_program: a new process that nobody runs yet. */
struct process* new_process(const char* name);
void give_up_process(struct process* process);
void make_ready(struct process* process);

/* calls.c */
void handle_system_call(struct trap_frame* frame);

/* console.c: screen and COM1 say the same; keyboard and COM1 are one input. */
__attribute__((format(printf, 1, 2))) void print(const char* format, ...);
__attribute__((format(printf, 1, 2))) _Noreturn void panic(const char* format, ...);
void console_write(const char* text, size_t size);
/* Sleeps until there is a line; returns at most `size` bytes of it, its end (\n) included. */
size_t console_read(char* text, size_t size);
void console_typed(char c);
void screen_init(void);
void screen_write(const char* text, size_t size);
void screen_status(unsigned column, const char* text);
void serial_init(void);
void serial_write(const char* text, size_t size);
void serial_interrupt(void);
void keyboard_interrupt(void);
void show_clock(void); /* a process */

/* ide.c: drive 0 or 1; up to a page of sectors. They sleep. */
bool ide_init(void); /* whether drive 1 is there */
bool ide_read(unsigned drive, uint32_t sector, unsigned count, void* to);
bool ide_write(unsigned drive, uint32_t sector, unsigned count, const void* from);
void ide_interrupt(void);

/* archive.c: drive 1 is a ustar archive. */
struct file {
  struct file_facts facts;
  uint32_t sector; /* where its contents begin */
};
bool archive_entry(unsigned index, struct file* file);
bool archive_find(const char* name, struct file* file);
/* How many bytes were read; negative: enum failure. */
int archive_read(const struct file* file, uint32_t offset, void* to, uint32_t size);
/* In place: a file never grows. */
int archive_write(const struct file* file, uint32_t offset, const void* from, uint32_t size);
