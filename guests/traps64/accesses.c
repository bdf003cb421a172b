/* What leaves the CPU: model-specific registers, ports, device memory, hypercalls. */
#include "common/console.h"
#include "common/io.h"
#include "traps64/traps64.h"

enum { kDebugConsole = 0xe9, kCmosIndex = 0x70, kCmosData = 0x71, kCmosStatusD = 0x0d };
enum { kKernelGsBase = 0xc0000102 };
static const uint64_t kUnbackedAddress = 0xd0000000ull;

volatile uint64_t accesses; /* of the job that runs, reads and writes */

CALLED void write_msr(uint32_t index, uint64_t value) {
  __asm__ volatile("wrmsr\nwritten_msr:" : : "c"(index), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
  accesses = accesses + 1;
}

CALLED uint64_t read_msr(uint32_t index) {
  uint32_t low, high;
  __asm__ volatile("rdmsr\nread_msr_done:" : "=a"(low), "=d"(high) : "c"(index));
  accesses = accesses + 1;
  return (uint64_t)high << 32 | low;
}

void job_msr(uint64_t rounds) {
  accesses = 0;
  unsigned wrong = 0;
  for (uint64_t round = 1; round <= rounds; round++) {
    const uint64_t base = KERNEL_BASE + round * 0x1000;
    write_msr(kKernelGsBase, base);
    wrong += read_msr(kKernelGsBase) != base;
  }
  print("msr: %lu accesses, %u wrong\n", accesses, wrong);
}

CALLED void write_port(uint16_t port, uint8_t value) {
  outb(port, value);
  accesses = accesses + 1;
}

CALLED uint8_t read_port(uint16_t port) {
  const uint8_t value = inb(port);
  accesses = accesses + 1;
  return value;
}

void job_ports(uint64_t rounds) {
  accesses = 0;
  uint64_t sum = 0;
  for (uint64_t round = 0; round < rounds; round++) {
    write_port(kDebugConsole, (uint8_t)('a' + round));
    write_port(kCmosIndex, kCmosStatusD);
    sum += read_port(kCmosData);
  }
  write_port(kDebugConsole, '\n');
  print("ports: %lu accesses, status D %lx\n", accesses, sum / rounds);
}

CALLED void write_device(volatile uint32_t* address, uint32_t value) {
  __asm__ volatile("movl %1, %0\nwritten_device:" : "=m"(*address) : "r"(value));
  accesses = accesses + 1;
}

CALLED uint32_t read_device(const volatile uint32_t* address) {
  uint32_t value;
  __asm__ volatile("movl %1, %0\nread_device_done:" : "=r"(value) : "m"(*address));
  accesses = accesses + 1;
  return value;
}

void job_mmio(uint64_t rounds) {
  accesses = 0;
  volatile uint32_t* const device = (volatile uint32_t*)kUnbackedAddress;
  uint32_t ones = ~0u;
  for (uint64_t round = 1; round <= rounds; round++) {
    write_device(device, (uint32_t)(round * 0x01000001));
    ones &= read_device(device);
  }
  print("mmio: %lu accesses, read %x\n", accesses, ones);
}

CALLED uint64_t hypercall(uint64_t number) {
  uint64_t result;
  __asm__ volatile("vmcall\nhypercall_done:" : "=a"(result) : "a"(number), "b"(0ul) : "memory");
  accesses = accesses + 1;
  return result;
}

void job_hypercall(uint64_t rounds) {
  enum { kUnknownCall = 1000 };
  accesses = 0;
  uint64_t refused = 0;
  for (uint64_t round = 0; round < rounds; round++) refused += (int64_t)hypercall(kUnknownCall) < 0;
  print("hypercall: %lu calls, %lu refused\n", accesses, refused);
}
