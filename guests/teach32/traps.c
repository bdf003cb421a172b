/* Exceptions, interrupts and system calls: the table that all CPUs share, and who serves what. */
#include "teach32/kernel.h"

struct gate {
  uint16_t offset_low;
  uint16_t selector;
  uint8_t reserved;
  uint8_t type;
  uint16_t offset_high;
};

/* A trap gate leaves interrupts on: a system call takes its time. */
enum { kInterruptGate = 0x8e, kTrapGate = 0x8f, kOpenToUser = 0x60 };

extern const char trap_stubs[VECTORS][16];

static struct gate interrupt_table[VECTORS];
volatile uint32_t ticks;

void load_interrupt_table(void) {
  for (unsigned vector = 0; vector < VECTORS; vector++) {
    const uint32_t address = (uint32_t)trap_stubs[vector];
    interrupt_table[vector] = (struct gate){
        .offset_low = (uint16_t)address,
        .selector = KERNEL_CODE,
        .type = vector == SYSTEM_CALL ? kTrapGate | kOpenToUser : kInterruptGate,
        .offset_high = (uint16_t)(address >> 16),
    };
  }
  const struct __attribute__((packed)) {
    uint16_t limit;
    const void* base;
  } pointer = {sizeof interrupt_table - 1, interrupt_table};
  __asm__ volatile("lidt %0" : : "m"(pointer));
}

static bool from_user_mode(const struct trap_frame* frame) { return (frame->cs & 3) == 3; }

static void timer_tick(void) {
  struct cpu* const cpu = this_cpu();
  cpu->ticks = cpu->ticks + 1;
  if (cpu->id != 0) return;
  ticks = ticks + 1;
  wake_all(&ticks);
}

/* Returns whether it was an interrupt at all. */
static bool serve_interrupt(uint32_t vector) {
  switch (vector) {
    case TIMER_VECTOR: timer_tick(); break;
    case KEYBOARD_VECTOR: keyboard_interrupt(); break;
    case SERIAL_VECTOR: serial_interrupt(); break;
    case IDE_VECTOR: ide_interrupt(); break;
    case APIC_ERROR_VECTOR: note_apic_error(); break;
    case SPURIOUS_VECTOR: return true; /* the APIC wants no end of this one */
    default: return false;
  }
  end_of_interrupt();
  return true;
}

static uint32_t faulting_address(void) {
  uint32_t address;
  __asm__ volatile("movl %%cr2, %0" : "=r"(address));
  return address;
}

static void fault(const struct trap_frame* frame) {
  if (!from_user_mode(frame)) {
    panic("exception %u, error code %x, eip %x, cr2 %x", frame->vector, frame->error_code, frame->eip,
          faulting_address());
  }
  print("%s: exception %u, error code %x, eip %x, address %x\n", current_process()->name, frame->vector,
        frame->error_code, frame->eip, frame->vector == PAGE_FAULT ? faulting_address() : 0);
  end_process(-1);
}

void handle_trap(struct trap_frame* frame) {
  if (frame->vector == SYSTEM_CALL) {
    handle_system_call(frame);
    return;
  }
  if (!serve_interrupt(frame->vector)) fault(frame);
  if (frame->vector == TIMER_VECTOR && current_process() != NULL) yield();
}
