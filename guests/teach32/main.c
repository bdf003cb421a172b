/*
 * teach32: a small Unix-like kernel as courses write them. 32-bit paging, several CPUs, processes, user mode by `int
 * 0x40`, and the devices of a PC of 1995: IDE disks, keyboard, text screen, COM1. Read it in this order: boot/,
 * entry.S, this file, traps.c, process.c with switch.S, calls.c, user/; the rest when it is called.
 */
#include "teach32/kernel.h"

static void start_devices(const struct machine* machine) {
  enum { kKeyboardLine = 1, kSerialLine = 4, kIdeLine = 14 };
  mask_pics(machine->has_imcr);
  local_apic_use(machine->local_apic);
  if (local_apic_id() != cpus[0].apic_id) panic("the MP table has another CPU for the first");
  local_apic_init();
  io_apic_init(machine);
  if (!ide_init()) panic("no drive 1, on which the files are");
  serial_init();
  io_apic_enable(kKeyboardLine, cpus[0].apic_id);
  io_apic_enable(kSerialLine, cpus[0].apic_id);
  io_apic_enable(kIdeLine, cpus[cpu_count - 1].apic_id);
}

/* entry.S takes its stack from here: each other CPU's in turn. */
uint8_t* ap_stack;

/* On its own stack, for ever its scheduler's. Paging is still entry.S's. */
_Noreturn void ap_main(void) {
  use_kernel_space();
  const unsigned apic_id = local_apic_id();
  struct cpu* me = cpus;
  while (me->apic_id != apic_id) me++;
  cpu_init(me);
  local_apic_init();
  print("CPU %u started, APIC id %u\n", me->id, me->apic_id);
  me->started = true;
  scheduler();
}

static void start_other_cpus(void) {
  extern const char ap_start_physical[], ap_start[], ap_start_end[];
  memcpy(virtual_of(AP_START), virtual_of((uint32_t)ap_start_physical), (size_t)(ap_start_end - ap_start));
  for (unsigned i = 1; i < cpu_count; i++) {
    ap_stack = (uint8_t*)alloc_page() + PAGE_SIZE;
    start_cpu(cpus[i].apic_id, AP_START);
    while (!cpus[i].started) __asm__ volatile("pause");
  }
}

/* The first process: only a process can wait for a disk. */
static void keep_a_shell(void) {
  for (;;) {
    const int id = start_program("shell");
    if (id < 0) panic("no shell on drive 1: %d", id);
    wait_for_child((unsigned)id);
  }
}

_Noreturn void kernel_main(void) {
  cpu_init(&cpus[0]);
  screen_init();
  serial_init();
  screen_status(1, "teach32");
  kernel_paging_init();
  print("teach32: %u MiB\n", MEMORY_END >> 20);
  const struct machine machine = find_machine();
  start_devices(&machine);
  start_other_cpus();
  start_kernel_process("init", keep_a_shell);
  start_kernel_process("clock", show_clock);
  cpus[0].started = true;
  scheduler();
}
