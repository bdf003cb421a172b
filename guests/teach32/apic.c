/*
 * The local APIC, each CPU's own: SDM volume 3, chapter "Advanced Programmable Interrupt Controller". Its timer drives
 * the scheduler, its command register starts the other CPUs.
 */
#include "common/io.h"
#include "teach32/kernel.h"

/* Offsets. */
enum apic_register {
  APIC_ID = 0x20,
  APIC_VERSION = 0x30,
  APIC_TASK_PRIORITY = 0x80,
  APIC_END = 0xb0,
  APIC_SPURIOUS = 0xf0,
  APIC_ERROR = 0x280,
  APIC_COMMAND = 0x300,
  APIC_TARGET = 0x310,
  APIC_TIMER = 0x320,
  APIC_PERFORMANCE = 0x340,
  APIC_LINT0 = 0x350,
  APIC_LINT1 = 0x360,
  APIC_ERROR_ENTRY = 0x370,
  APIC_TIMER_START = 0x380,
  APIC_TIMER_NOW = 0x390,
  APIC_TIMER_DIVISOR = 0x3e0,
};

enum { kEnabled = 0x100, kMasked = 0x10000, kPeriodic = 0x20000, kDivideBy1 = 0xb };
enum { kInit = 0x500, kStartUp = 0x600, kAssert = 0x4000, kLevel = 0x8000, kToAll = 0x80000, kPending = 0x1000 };

/* What the BIOS goes by when a CPU comes out of INIT: CMOS register 15, and a far pointer at 40:67. */
enum { kCmosIndex = 0x70, kCmosData = 0x71, kShutdownCode = 0xf, kJumpByVector = 0xa, kWarmResetVector = 0x467 };

static volatile uint32_t* registers;
static uint32_t counts_per_tick; /* of the timer */
volatile uint32_t apic_errors;

static uint32_t get(enum apic_register offset) { return registers[offset / 4]; }

static void set(enum apic_register offset, uint32_t value) {
  registers[offset / 4] = value;
  (void)get(APIC_ID); /* once this has been read the write has arrived */
}

void local_apic_use(uint32_t physical) { registers = map_device(physical); }

unsigned local_apic_id(void) { return get(APIC_ID) >> 24; }

void end_of_interrupt(void) { registers[APIC_END / 4] = 0; }

void note_apic_error(void) {
  set(APIC_ERROR, 0); /* a write makes it current */
  apic_errors = get(APIC_ERROR);
}

/* All CPUs' timers run at the bus's pace; only the PIT's is known. */
static uint32_t measure_timer(void) {
  enum { kMeasuredMicroseconds = 10000 };
  set(APIC_TIMER, kMasked | TIMER_VECTOR);
  set(APIC_TIMER_START, 0xffffffff);
  delay(kMeasuredMicroseconds);
  const uint32_t counted = 0xffffffff - get(APIC_TIMER_NOW);
  return counted / kMeasuredMicroseconds * (1000000 / kHertz);
}

void local_apic_init(void) {
  set(APIC_SPURIOUS, kEnabled | SPURIOUS_VECTOR);
  set(APIC_TIMER_DIVISOR, kDivideBy1);
  if (counts_per_tick == 0) counts_per_tick = measure_timer();
  set(APIC_TIMER, kPeriodic | TIMER_VECTOR);
  set(APIC_TIMER_START, counts_per_tick);

  /* The PICs' line and NMI: all comes by the I/O APIC. */
  set(APIC_LINT0, kMasked);
  set(APIC_LINT1, kMasked);
  const unsigned last_entry = get(APIC_VERSION) >> 16 & 0xff;
  if (last_entry >= 4) set(APIC_PERFORMANCE, kMasked);

  set(APIC_ERROR_ENTRY, APIC_ERROR_VECTOR);
  set(APIC_ERROR, 0);
  set(APIC_ERROR, 0); /* twice: the first makes it current, the second clears it */
  end_of_interrupt();

  /* Old APICs agree on who may speak first by an INIT that nobody obeys ("level de-assert"). */
  set(APIC_TARGET, 0);
  set(APIC_COMMAND, kToAll | kInit | kLevel);
  while ((get(APIC_COMMAND) & kPending) != 0) {
  }
  set(APIC_TASK_PRIORITY, 0); /* takes every interrupt */
}

static void command(unsigned apic_id, uint32_t value, unsigned microseconds) {
  set(APIC_TARGET, apic_id << 24);
  set(APIC_COMMAND, value);
  delay(microseconds);
}

/* MultiProcessor Specification, B.4. The BIOS of old CPUs goes by the vector, newer ones by the start-up IPIs. */
void start_cpu(unsigned apic_id, uint32_t address) {
  outb(kCmosIndex, kShutdownCode);
  outb(kCmosData, kJumpByVector);
  volatile uint16_t* const vector = virtual_of(kWarmResetVector);
  vector[0] = 0;
  vector[1] = (uint16_t)(address >> 4);

  command(apic_id, kInit | kLevel | kAssert, 200);
  command(apic_id, kInit | kLevel, 10000);
  for (unsigned i = 0; i < 2; i++) command(apic_id, kStartUp | address >> 12, 200);
}
