/* A driver for virtio-mmio devices, as small as can be: virtio 1.2, sections 2.7, 3.1 and 4.2. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { kQueueSize = 8, kMaxQueues = 2, kMaxDevices = 8 };
enum device_type { kNetwork = 1, kBlock = 2, kConsole = 3, kEntropy = 4 };

struct descriptor {
  uint64_t address;
  uint32_t length;
  uint16_t flags;
  uint16_t next;
};

struct available_ring {
  uint16_t flags;
  uint16_t index;
  uint16_t ring[kQueueSize];
  uint16_t used_event;
};

struct used_element {
  uint32_t id;
  uint32_t length;
};

struct used_ring {
  uint16_t flags;
  uint16_t index;
  struct used_element ring[kQueueSize];
  uint16_t available_event;
};

struct queue {
  struct descriptor descriptors[kQueueSize] __attribute__((aligned(16)));
  volatile struct available_ring available;
  volatile struct used_ring used __attribute__((aligned(4)));
  uint16_t seen; /* of used.index */
};

struct device {
  volatile uint32_t* registers; /* null: no such device */
  enum device_type type;
  unsigned irq;
  volatile unsigned interrupts;
  struct queue queues[kMaxQueues];
};

struct buffer {
  volatile void* start;
  uint32_t length;
  bool device_writes;
};

extern struct device devices[kMaxDevices];
extern unsigned device_count;

/* Looks at each place where gdbvm has such devices. */
void find_devices(void);
struct device* device_of(enum device_type type);
/* From reset to DRIVER_OK, with so many queues and no feature but VIRTIO_F_VERSION_1. */
void start_device(struct device* device, unsigned queues);
/* Offers one request of these buffers, and notifies the device. */
void offer(struct device* device, unsigned queue, const struct buffer* buffers, unsigned count);
/* Waits until the oldest request comes back, by its interrupt; returns how many bytes the device has written. */
uint32_t wait_used(struct device* device, unsigned queue);
/* From the interrupt handler. */
void handle_device_interrupt(unsigned irq);
uint8_t config_byte(const struct device* device, unsigned offset);
