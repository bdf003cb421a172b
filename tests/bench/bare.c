/*
 * What this host's KVM can do when nobody is in the way: the guest that the other sides boot, driven by nothing but
 * ioctls. KVM API document: KVM_RUN, KVM_SET_GUEST_DEBUG, KVM_EXIT_DEBUG.
 *   bare echo                                     no vCPU: answers whatever comes on its standard input, a socket, with
 *                                                 one packet, until it closes
 *   bare make                                     a VM with chips, memory and a vCPU, and ends
 *   bare MODE IMAGE WORDS ENTRY COUNTER [PLACE]   boots an ELF64 at its PVH entry with WORDS for a command line and
 * says how much is done a second. Modes: free   the guest runs: the increments of its counter step   stopped at PLACE:
 * single steps hit    the same: hits of an execute breakpoint there, each with the step away from it Addresses are
 * hexadecimal and physical, as in these guests.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { kMemory = 128 << 20, kStartInfo = 0x6000, kCommandLine = 0x7000, kRounds = 20000 };
enum { kFreeMicroseconds = 500000 };

static int kvm, vm, vcpu;
static struct kvm_run* run;
static unsigned char* memory;

static int must(int result, const char* what) {
  if (result >= 0) return result;
  perror(what);
  exit(2);
}

static void fail(const char* what, unsigned long value) {
  fprintf(stderr, "bare: %s: %#lx\n", what, value);
  exit(2);
}

static void make(void) {
  kvm = must(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
  vm = must(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
  must(ioctl(vm, KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP");
  struct kvm_pit_config pit = {0};
  must(ioctl(vm, KVM_CREATE_PIT2, &pit), "KVM_CREATE_PIT2");
  struct kvm_reinject_control missed_ticks_are_dropped = {0}; /* as gdbvm has it */
  must(ioctl(vm, KVM_REINJECT_CONTROL, &missed_ticks_are_dropped), "KVM_REINJECT_CONTROL");
  memory = mmap(NULL, kMemory, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) must(-1, "mmap");
  struct kvm_userspace_memory_region region = {.memory_size = kMemory, .userspace_addr = (uintptr_t)memory};
  must(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
  vcpu = must(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
  const int size = must(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
  run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
  if (run == MAP_FAILED) must(-1, "mmap");
  static struct {
    struct kvm_cpuid2 head;
    struct kvm_cpuid_entry2 entries[256];
  } cpuid = {.head = {.nent = 256}};
  must(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid), "KVM_GET_SUPPORTED_CPUID");
  must(ioctl(vcpu, KVM_SET_CPUID2, &cpuid), "KVM_SET_CPUID2");
}

static void load(const char* path, const char* words, unsigned long entry) {
  const int file = must(open(path, O_RDONLY), path);
  Elf64_Ehdr header;
  if (pread(file, &header, sizeof header, 0) != sizeof header) fail("no ELF header", 0);
  for (int i = 0; i < header.e_phnum; i++) {
    Elf64_Phdr row;
    const off_t at = (off_t)(header.e_phoff + (unsigned long)i * sizeof row);
    if (pread(file, &row, sizeof row, at) != sizeof row) fail("no program header", (unsigned long)i);
    if (row.p_type != PT_LOAD) continue;
    if (row.p_paddr > kMemory || row.p_filesz > kMemory - row.p_paddr) fail("a segment is too far up", row.p_paddr);
    if (pread(file, memory + row.p_paddr, row.p_filesz, (off_t)row.p_offset) != (ssize_t)row.p_filesz)
      fail("a segment is cut off", row.p_paddr);
  }
  close(file);
  /* PVH: Xen's public/arch-x86/hvm/start_info.h */
  const uint32_t magic = 0x336ec578;
  const uint64_t command_line = kCommandLine;
  memcpy(memory + kStartInfo, &magic, sizeof magic);
  memcpy(memory + kStartInfo + 24, &command_line, sizeof command_line);
  strncpy((char*)memory + kCommandLine, words, 4095);
  struct kvm_sregs sregs;
  must(ioctl(vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
  const struct kvm_segment data = {.limit = ~0u, .selector = 16, .type = 3, .present = 1, .db = 1, .s = 1, .g = 1};
  sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
  sregs.cs = data;
  sregs.cs.selector = 8;
  sregs.cs.type = 11;
  sregs.cr0 = 1;
  must(ioctl(vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
  struct kvm_regs regs = {.rip = entry, .rbx = kStartInfo, .rflags = 2};
  must(ioctl(vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

/* Devices: nothing is there, and reads as ones, which for a serial line means ready. False at a debug exit or a signal.
 */
static int go_on(void) {
  if (ioctl(vcpu, KVM_RUN, 0) < 0) {
    if (errno != EINTR) must(-1, "KVM_RUN");
    return 0;
  }
  switch (run->exit_reason) {
    case KVM_EXIT_IO:
      if (run->io.direction == KVM_EXIT_IO_IN)
        memset((char*)run + run->io.data_offset, 0xff, (size_t)run->io.size * run->io.count);
      return 1;
    case KVM_EXIT_MMIO:
      if (!run->mmio.is_write) memset(run->mmio.data, 0xff, sizeof run->mmio.data);
      return 1;
    case KVM_EXIT_DEBUG: return 0;
    default: fail("exit reason", run->exit_reason); return 0;
  }
}

static void debug_by(unsigned control, unsigned long place) {
  struct kvm_guest_debug debug = {.control = control == 0 ? 0 : KVM_GUESTDBG_ENABLE | control};
  debug.arch.debugreg[0] = place;
  debug.arch.debugreg[7] = 0x402; /* G0: execution at DR0 */
  must(ioctl(vcpu, KVM_SET_GUEST_DEBUG, &debug), "KVM_SET_GUEST_DEBUG");
}

static void to_debug_exit(void) {
  while (go_on()) {
  }
  if (run->exit_reason != KVM_EXIT_DEBUG) fail("exit reason", run->exit_reason);
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static volatile sig_atomic_t over;
static void at_alarm(int number) {
  (void)number;
  over = 1;
  run->immediate_exit = 1;
}

/* Until the alarm. */
static void run_free(long microseconds) {
  over = 0;
  run->immediate_exit = 0;
  const struct itimerval when = {.it_value = {.tv_usec = microseconds}};
  setitimer(ITIMER_REAL, &when, NULL);
  while (!over) go_on();
}

static double free_rate(const volatile uint64_t* counter) {
  const struct sigaction action = {.sa_handler = at_alarm};
  sigaction(SIGALRM, &action, NULL);
  for (int i = 0; i < 100 && *counter < 2; i++) run_free(10000); /* it has booted */
  const uint64_t before = *counter;
  const double begin = seconds();
  run_free(kFreeMicroseconds);
  const double elapsed = seconds() - begin;
  if (*counter <= before) fail("the guest's counter stands still", before);
  return (double)(*counter - before) / elapsed;
}

static double step_rate(unsigned long place) {
  debug_by(KVM_GUESTDBG_USE_HW_BP, place);
  to_debug_exit();
  debug_by(KVM_GUESTDBG_SINGLESTEP, 0);
  const double begin = seconds();
  for (int i = 0; i < kRounds; i++) to_debug_exit();
  return kRounds / (seconds() - begin);
}

static double hit_rate(unsigned long place) {
  enum { kHits = kRounds / 4 };
  const double begin = seconds();
  for (int i = 0; i < kHits; i++) {
    debug_by(KVM_GUESTDBG_USE_HW_BP, place);
    to_debug_exit();
    if (run->debug.arch.pc != place) fail("stopped elsewhere", run->debug.arch.pc);
    debug_by(KVM_GUESTDBG_SINGLESTEP, 0);
    to_debug_exit();
  }
  return kHits / (seconds() - begin);
}

static int echo(void) {
  static const char reply[] = "$QCp1.1#3c";
  char packet[4096];
  while (read(STDIN_FILENO, packet, sizeof packet) > 0) {
    must((int)write(STDIN_FILENO, reply, sizeof reply - 1), "the reply");
  }
  return 0;
}

int main(int count, char** words) {
  const char* mode = count > 1 ? words[1] : "";
  if (strcmp(mode, "echo") == 0) return echo();
  make();
  if (strcmp(mode, "make") == 0) return 0;
  if (count < 6) return 2;
  load(words[2], words[3], strtoul(words[4], NULL, 16));
  const unsigned long place = count > 6 ? strtoul(words[6], NULL, 16) : 0;
  const unsigned long counter = strtoul(words[5], NULL, 16);
  if (counter > kMemory - sizeof(uint64_t)) return 2;
  double rate = 0;
  if (strcmp(mode, "free") == 0) {
    rate = free_rate((const volatile uint64_t*)(memory + counter));
  } else if (strcmp(mode, "step") == 0) {
    rate = step_rate(place);
  } else if (strcmp(mode, "hit") == 0) {
    rate = hit_rate(place);
  } else {
    return 2;
  }
  printf("%.1f\n", rate);
  return 0;
}
