/*
 * What this host's KVM can do when nobody is in the way: a vCPU in a loop of two real-mode instructions, driven by raw
 * ioctls. `bare step`: single steps a second. `bare hit`: hits of an execute breakpoint in a debug register a second,
 * each with the step away from it. KVM API document: KVM_SET_GUEST_DEBUG, KVM_EXIT_DEBUG. `bare echo`: no vCPU;
 * answers whatever comes on its standard input, a socket, with one packet, until it closes.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { kCode = 0x1000, kRounds = 20000 };

static int vcpu;
static struct kvm_run* run;

static int must(int result, const char* what) {
  if (result >= 0) return result;
  perror(what);
  exit(2);
}

static void boot(void) {
  static const unsigned char code[] = {0x40, 0xeb, 0xfd}; /* inc ax; jmp back to it */
  const int kvm = must(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
  const int vm = must(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
  char* memory = mmap(NULL, 0x4000, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  memcpy(memory + kCode, code, sizeof code);
  struct kvm_userspace_memory_region region = {.memory_size = 0x4000, .userspace_addr = (unsigned long)memory};
  must(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
  vcpu = must(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
  const int size = must(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
  run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
  struct kvm_sregs sregs;
  must(ioctl(vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
  sregs.cs.base = 0;
  sregs.cs.selector = 0;
  must(ioctl(vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
  struct kvm_regs regs = {.rip = kCode, .rflags = 2};
  must(ioctl(vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

static void run_to_debug_exit(void) {
  must(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN");
  if (run->exit_reason == KVM_EXIT_DEBUG) return;
  fprintf(stderr, "bare: exit reason %u, not KVM_EXIT_DEBUG\n", run->exit_reason);
  exit(2);
}

static void debug_by(unsigned control) {
  struct kvm_guest_debug debug = {.control = KVM_GUESTDBG_ENABLE | control};
  debug.arch.debugreg[0] = kCode;
  debug.arch.debugreg[7] = 0x402; /* G0: execution at DR0 */
  must(ioctl(vcpu, KVM_SET_GUEST_DEBUG, &debug), "KVM_SET_GUEST_DEBUG");
}

static void step(void) {
  debug_by(KVM_GUESTDBG_SINGLESTEP);
  for (int i = 0; i < kRounds; i++) run_to_debug_exit();
}

static void hit(void) {
  for (int i = 0; i < kRounds; i++) {
    debug_by(KVM_GUESTDBG_USE_HW_BP);
    run_to_debug_exit();
    debug_by(KVM_GUESTDBG_SINGLESTEP);
    run_to_debug_exit();
  }
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
  if (count == 2 && strcmp(words[1], "echo") == 0) return echo();
  void (*const work)(void) = count == 2 && strcmp(words[1], "step") == 0  ? step
                             : count == 2 && strcmp(words[1], "hit") == 0 ? hit
                                                                          : NULL;
  if (work == NULL) return 2;
  boot();
  struct timespec begin, end;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  work();
  clock_gettime(CLOCK_MONOTONIC, &end);
  struct kvm_regs regs;
  must(ioctl(vcpu, KVM_GET_REGS, &regs), "KVM_GET_REGS");
  const int rounds = work == step ? kRounds / 2 : kRounds;
  if ((regs.rax & 0xffff) != (unsigned)rounds % 0x10000) {
    fprintf(stderr, "bare: the guest did not do what was asked: ax is %llu\n", regs.rax);
    return 2;
  }
  printf("%.0f\n", kRounds / ((double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9));
  return 0;
}
