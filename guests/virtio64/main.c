/*
 * Drives each virtio device that there is, by interrupts, and says on the serial line what it saw: a disk's sectors,
 * the console, random numbers, and DHCP and ARP on the network. Then the machine is powered off. For a debugger: a
 * breakpoint at each job, buffers that devices fill.
 */
#include <stddef.h>

#include "common/command_line.h"
#include "common/console.h"
#include "common/io.h"
#include "common/machine.h"
#include "common/pvh.h"
#include "common/traps.h"
#include "virtio64/network.h"
#include "virtio64/virtio.h"

enum { kMasterData = 0x21, kSlaveData = 0xa1, kMaster = 0x20, kSlave = 0xa0, kEndOfInterrupt = 0x20 };
enum { kSectorBytes = 512, kRead = 0, kWrite = 1, kFlush = 4 };

volatile uint8_t sector[kSectorBytes] __attribute__((aligned(4096)));
volatile uint8_t random_bytes[16] __attribute__((aligned(4096)));
volatile uint8_t typed[64];

static struct {
  uint32_t type;
  uint32_t reserved;
  uint64_t sector;
} block_header;
static volatile uint8_t block_status;

static unsigned block_request(struct device* disk, uint32_t type, uint64_t number) {
  block_header.type = type;
  block_header.sector = number;
  block_status = 0xff;
  const struct buffer buffers[] = {
      {&block_header, sizeof block_header, false},
      {sector, type == kFlush ? 0 : sizeof sector, type == kRead},
      {&block_status, 1, true},
  };
  offer(disk, 0, buffers, 3);
  wait_used(disk, 0);
  return block_status;
}

/* Reads sector 0, writes it inverted to sector 1, and tries one beyond the end. */
__attribute__((noinline)) void job_block(struct device* disk) {
  uint64_t sectors = 0;
  for (unsigned i = 0; i < 8; i++) sectors |= (uint64_t)config_byte(disk, i) << (8 * i);
  print("block: %lu sectors\n", sectors);
  unsigned status = block_request(disk, kRead, 0);
  print("block: read, status %u: %02x %02x %02x %02x\n", status, sector[0], sector[1], sector[2], sector[511]);
  for (unsigned i = 0; i < kSectorBytes; i++) sector[i] = (uint8_t)~sector[i];
  status = block_request(disk, kWrite, 1);
  print("block: written, status %u\n", status);
  print("block: flushed, status %u\n", block_request(disk, kFlush, 0));
  print("block: beyond the end, status %u\n", block_request(disk, kRead, sectors));
}

__attribute__((noinline)) void job_console(struct device* console, bool echo) {
  static const char greeting[] = "hello by virtio\n";
  const struct buffer text = {(volatile void*)(uintptr_t)greeting, sizeof greeting - 1, false};
  offer(console, 1, &text, 1);
  wait_used(console, 1);
  print("console: greeted\n");
  if (!echo) return;
  const struct buffer room = {typed, sizeof typed, true};
  offer(console, 0, &room, 1);
  const uint32_t count = wait_used(console, 0);
  const struct buffer answer = {typed, count, false};
  offer(console, 1, &answer, 1);
  wait_used(console, 1);
  print("console: %u bytes typed\n", count);
}

__attribute__((noinline)) void job_entropy(struct device* entropy) {
  const struct buffer room = {random_bytes, sizeof random_bytes, true};
  offer(entropy, 0, &room, 1);
  const uint32_t count = wait_used(entropy, 0);
  print("entropy: %u bytes:", count);
  for (unsigned i = 0; i < count; i++) print(" %02x", random_bytes[i]);
  print("\n");
}

void handle_trap(struct trap_frame* frame) {
  if (frame->vector < TIMER_INTERRUPT) {
    print("exception %lu, error code %lx at %lx\n", frame->vector, frame->error_code, frame->rip);
    debug_exit(1);
  }
  const unsigned irq = (unsigned)frame->vector - TIMER_INTERRUPT;
  handle_device_interrupt(irq);
  if (irq >= 8) outb(kSlave, kEndOfInterrupt);
  outb(kMaster, kEndOfInterrupt);
}

static void open_interrupt_lines(void) {
  unsigned mask = 0xffff & ~(1u << 2); /* the second PIC is behind line 2 of the first */
  for (unsigned i = 0; i < device_count; i++) mask &= ~(1u << devices[i].irq);
  outb(kMasterData, (uint8_t)mask);
  outb(kSlaveData, (uint8_t)(mask >> 8));
  __asm__ volatile("sti");
}

void kernel_main(const struct pvh_start_info* info) {
  const char* line = "";
  if (info != NULL && info->magic == kPvhMagic && info->command_line != 0) line = (const char*)info->command_line;
  console_init();
  descriptors_init();
  timer_init(100);
  find_devices();
  open_interrupt_lines();
  print("virtio64: %u devices\n", device_count);
  struct device* const disk = device_of(kBlock);
  struct device* const console = device_of(kConsole);
  struct device* const entropy = device_of(kEntropy);
  struct device* const network = device_of(kNetwork);
  if (disk != NULL) {
    start_device(disk, 1);
    job_block(disk);
  }
  if (console != NULL) {
    start_device(console, 2);
    job_console(console, has_word(line, "echo"));
  }
  if (entropy != NULL) {
    start_device(entropy, 1);
    job_entropy(entropy);
  }
  if (network != NULL) {
    start_device(network, 2);
    job_network(network);
  }
  for (unsigned i = 0; i < device_count; i++) print("device %u: %u interrupts\n", i, devices[i].interrupts);
  print("virtio64: done\n");
  power_off();
}
