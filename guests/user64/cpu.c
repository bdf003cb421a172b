/* What user mode needs of the CPU: SSE, AVX, SYSCALL and a gs of its own (SDM volume 3, 2.5, 2.6, 5.8.8). */
#include "user64/kernel.h"
#include "user64/user_abi.h"

enum { kCr0Emulation = 1 << 2, kCr0Monitor = 1 << 1, kCr4Sse = 3 << 9, kCr4Xsave = 1 << 18 };
enum { kXcr0Avx = 7 };
enum { kCpuidXsave = 1 << 26, kCpuidAvx = 1 << 28 };
enum msr {
  MSR_EFER = 0xc0000080,
  MSR_STAR = 0xc0000081,
  MSR_LSTAR = 0xc0000082,
  MSR_SFMASK = 0xc0000084,
  MSR_GS_BASE = 0xc0000101,
  MSR_KERNEL_GS_BASE = 0xc0000102
};
enum { kEferSyscall = 1 };
enum { kMaskedFlags = 0x700 }; /* TF, IF, DF */

static uint8_t kernel_stack[4096] __attribute__((aligned(16)));
struct per_cpu boot_cpu = {.kernel_stack = kernel_stack + sizeof kernel_stack, .self = &boot_cpu};
bool avx_enabled;

static uint64_t read_msr(enum msr msr) {
  uint32_t low, high;
  __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
  return (uint64_t)high << 32 | low;
}

static void write_msr(enum msr msr, uint64_t value) {
  __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

static uint32_t features(void) {
  uint32_t eax = 1, ebx, ecx = 0, edx;
  __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
  return ecx;
}

static void change_cr4(uint64_t bits) {
  uint64_t cr4;
  __asm__ volatile("movq %%cr4, %0" : "=r"(cr4));
  __asm__ volatile("movq %0, %%cr4" : : "r"(cr4 | bits));
}

static void enable_vectors(void) {
  uint64_t cr0;
  __asm__ volatile("movq %%cr0, %0" : "=r"(cr0));
  __asm__ volatile("movq %0, %%cr0" : : "r"((cr0 & ~(uint64_t)kCr0Emulation) | kCr0Monitor));
  change_cr4(kCr4Sse);
  const uint32_t needed = kCpuidXsave | kCpuidAvx;
  if ((features() & needed) != needed) return;
  change_cr4(kCr4Xsave);
  __asm__ volatile("xsetbv" : : "c"(0), "a"(kXcr0Avx), "d"(0));
  avx_enabled = true;
}

/* SYSRET's selectors are STAR's upper half + 16 for the code and + 8 for the stack, at CPL3. */
static void enable_syscall(void) {
  write_msr(MSR_EFER, read_msr(MSR_EFER) | kEferSyscall);
  write_msr(MSR_STAR, (uint64_t)(USER_CODE - 16) << 48 | (uint64_t)KERNEL_CODE << 32);
  write_msr(MSR_LSTAR, (uint64_t)syscall_entry);
  write_msr(MSR_SFMASK, kMaskedFlags);
}

void cpu_init(void) {
  enable_vectors();
  enable_syscall();
  write_msr(MSR_GS_BASE, (uint64_t)&boot_cpu);
  write_msr(MSR_KERNEL_GS_BASE, (uint64_t)&user_thread);
  set_kernel_stack(this_cpu->kernel_stack);
}
