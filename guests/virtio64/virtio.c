#include "virtio64/virtio.h"

#include <stddef.h>

#include "common/console.h"
#include "common/machine.h"

enum { kFirstDevice = 0xd0000000u, kDeviceBytes = 0x1000, kMagicValue = 0x74726976 };
enum { kNext = 1, kDeviceWrites = 2 };
enum { kAcknowledge = 1, kDriver = 2, kDriverOk = 4, kFeaturesOk = 8 };

/* Registers, in words. */
enum {
  kMagic = 0x000 / 4,
  kVersion = 0x004 / 4,
  kDeviceType = 0x008 / 4,
  kDriverFeatures = 0x020 / 4,
  kDriverFeaturesHalf = 0x024 / 4,
  kQueueSelect = 0x030 / 4,
  kQueueLength = 0x038 / 4,
  kQueueReady = 0x044 / 4,
  kQueueNotify = 0x050 / 4,
  kInterruptStatus = 0x060 / 4,
  kInterruptAcknowledge = 0x064 / 4,
  kStatus = 0x070 / 4,
  kQueueDescriptors = 0x080 / 4,
  kQueueDriver = 0x090 / 4,
  kQueueDevice = 0x0a0 / 4,
  kConfig = 0x100
};

static const unsigned irqs[kMaxDevices] = {5, 6, 7, 10, 11, 12, 13, 15};

struct device devices[kMaxDevices];
unsigned device_count;

void find_devices(void) {
  for (unsigned i = 0; i < kMaxDevices; i++) {
    volatile uint32_t* const registers = (volatile uint32_t*)(uintptr_t)(kFirstDevice + i * kDeviceBytes);
    if (registers[kMagic] != kMagicValue || registers[kVersion] != 2) break;
    devices[i].registers = registers;
    devices[i].type = registers[kDeviceType];
    devices[i].irq = irqs[i];
    device_count++;
  }
}

struct device* device_of(enum device_type type) {
  for (unsigned i = 0; i < device_count; i++) {
    if (devices[i].type == type) return &devices[i];
  }
  return NULL;
}

static void set_address(struct device* device, unsigned low, volatile const void* address) {
  device->registers[low] = (uint32_t)(uintptr_t)address;
  device->registers[low + 1] = (uint32_t)((uintptr_t)address >> 32);
}

void start_device(struct device* device, unsigned queues) {
  volatile uint32_t* const registers = device->registers;
  registers[kStatus] = 0;
  registers[kStatus] = kAcknowledge | kDriver;
  registers[kDriverFeaturesHalf] = 1;
  registers[kDriverFeatures] = 1; /* VIRTIO_F_VERSION_1, bit 32 */
  registers[kStatus] = kAcknowledge | kDriver | kFeaturesOk;
  for (unsigned i = 0; i < queues; i++) {
    registers[kQueueSelect] = i;
    registers[kQueueLength] = kQueueSize;
    set_address(device, kQueueDescriptors, device->queues[i].descriptors);
    set_address(device, kQueueDriver, &device->queues[i].available);
    set_address(device, kQueueDevice, &device->queues[i].used);
    registers[kQueueReady] = 1;
  }
  registers[kStatus] = kAcknowledge | kDriver | kFeaturesOk | kDriverOk;
  if (registers[kStatus] != (kAcknowledge | kDriver | kFeaturesOk | kDriverOk)) {
    print("virtio64: device %u does not start: status %x\n", device->type, registers[kStatus]);
    debug_exit(1);
  }
}

void offer(struct device* device, unsigned queue, const struct buffer* buffers, unsigned count) {
  struct queue* const to = &device->queues[queue];
  for (unsigned i = 0; i < count; i++) {
    to->descriptors[i] = (struct descriptor){
        .address = (uintptr_t)buffers[i].start,
        .length = buffers[i].length,
        .flags = (uint16_t)((buffers[i].device_writes ? kDeviceWrites : 0) | (i + 1 < count ? kNext : 0)),
        .next = (uint16_t)(i + 1),
    };
  }
  to->available.ring[to->available.index % kQueueSize] = 0;
  __asm__ volatile("" : : : "memory"); /* the CPU keeps the order of stores */
  to->available.index = (uint16_t)(to->available.index + 1);
  device->registers[kQueueNotify] = queue;
}

uint32_t wait_used(struct device* device, unsigned queue) {
  struct queue* const of = &device->queues[queue];
  for (;;) {
    __asm__ volatile("cli" : : : "memory");
    if (of->used.index != of->seen) break;
    __asm__ volatile("sti; hlt" : : : "memory");
  }
  __asm__ volatile("sti" : : : "memory");
  return of->used.ring[of->seen++ % kQueueSize].length;
}

void handle_device_interrupt(unsigned irq) {
  for (unsigned i = 0; i < device_count; i++) {
    if (devices[i].irq != irq) continue;
    devices[i].registers[kInterruptAcknowledge] = devices[i].registers[kInterruptStatus];
    devices[i].interrupts = devices[i].interrupts + 1;
  }
}

uint8_t config_byte(const struct device* device, unsigned offset) {
  return ((volatile const uint8_t*)device->registers)[kConfig + offset];
}
