#define _GNU_SOURCE
#include "watchdog.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
  kRewindMicroseconds = 5000,
  kBiteTicks = 1193182 / 50,  // the PIT counts at 1.193182 MHz
  kPitChannel0 = 0x40,
  kPitControl = 0x43,
  kPeriodic = 0x34,      // channel 0, low byte then high byte, mode 2 (8254 data sheet): it goes on biting
  kIoApicPin = 2,        // where channel 0 arrives
  kDeliverNmi = 0x0400,  // physical destination, edge, unmasked (82093AA data sheet, 3.2.4)
};
static const uint32_t kEveryCpu = 0xff000000;

static pthread_barrier_t all_ran;

static void rewind_pit(void) {
  outb(kPeriodic, kPitControl);
  outb(kBiteTicks & 0xff, kPitChannel0);
  outb(kBiteTicks >> 8, kPitChannel0);
}

static void* run_on_cpu(void* cpu) {
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET((intptr_t)cpu, &only);
  sched_setaffinity(0, sizeof only, &only);
  iopl(3);
  for (;;) {
    usleep(kRewindMicroseconds);
    if (pthread_barrier_wait(&all_ran) == PTHREAD_BARRIER_SERIAL_THREAD) rewind_pit();
  }
  return NULL;
}

void start_watchdog(void) {
  const int memory = open("/dev/mem", O_RDWR | O_SYNC | O_CLOEXEC);
  volatile uint32_t* io_apic = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0xfec00000);
  if (io_apic == MAP_FAILED || iopl(3) < 0) {
    perror("lab: no watchdog");
    return;
  }
  rewind_pit();
  const uint32_t row = 0x10 + 2 * kIoApicPin;  // register select at 0, window at 16
  io_apic[0] = row + 1;
  io_apic[4] = kEveryCpu;
  io_apic[0] = row;
  io_apic[4] = kDeliverNmi;

  const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
  pthread_barrier_init(&all_ran, NULL, (unsigned)cpus);
  for (intptr_t cpu = 0; cpu < cpus; ++cpu) {
    pthread_t thread;
    pthread_create(&thread, NULL, run_on_cpu, (void*)cpu);
  }
}
