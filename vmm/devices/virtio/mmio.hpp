/// What all virtio devices have in common: the registers of the MMIO transport, version 2, the way from reset to
/// DRIVER_OK, and the queues. A kind of device derives from it and serves its queues. Source: virtio 1.2, sections 2.1,
/// 2.2, 3.1 and 4.2.
///
/// A driver that breaks the rules of a queue gets DEVICE_NEEDS_RESET, and is heard no more until it resets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "vmm/devices/device.hpp"
#include "vmm/devices/virtio/queue.hpp"
#include "vmm/memory/device_memory.hpp"

namespace vmm::virtio {

/// The device types used here (section 5).
enum class Type : std::uint32_t { kNet = 1, kBlock = 2, kConsole = 3, kRandom = 4 };

class MmioDevice : public Device {
 public:
  std::string_view name() const final { return kind_.name; }
  std::uint64_t read(std::uint64_t offset, unsigned size) final;
  void write(std::uint64_t offset, unsigned size, std::uint64_t value) final;
  void save(StateWriter& out) const final;
  void load(StateReader& in) final;

 protected:
  struct Kind {
    std::string name;
    Type type;
    std::uint64_t features = 0;  ///< of its type; those of the transport are added
    unsigned queues = 1;
    std::uint16_t queue_size = 128;
    std::vector<std::byte> config = {};  ///< its configuration space, which never changes
  };
  /// `memory` outlives it.
  MmioDevice(Kind kind, DeviceMemory& memory, IrqLine irq);

  DeviceMemory& memory() { return memory_; }
  bool agreed(unsigned feature) const { return regs_.driver_features >> feature & 1; }
  /// The driver is ready, and has made no mistake.
  bool live() const;

  /// The driver may have added chains to this queue; also once for each queue when the driver is ready to go.
  virtual void notified(unsigned queue) = 0;
  /// Calls handle(chain) for each chain that waits now, while more() says so, and gives it back with the number of
  /// bytes that handle() says it has written; then tells the driver. Ends at a fault.
  void serve(
      unsigned queue, const std::function<std::uint32_t(Chain&)>& handle,
      const std::function<bool()>& more = [] { return true; });
  /// The driver broke the rules: nothing more is done before it resets the device.
  void fail(Fault fault);

  /// What a kind has beside the queues.
  virtual void reset_more() {}
  virtual void save_more(StateWriter&) const {}
  virtual void load_more(StateReader&) {}

 private:
  /// Saved as it is.
  struct Registers {
    std::uint64_t driver_features = 0;
    std::uint32_t device_features_half = 0;
    std::uint32_t driver_features_half = 0;
    std::uint32_t queue = 0;
    std::uint32_t interrupts = 0;
    std::uint32_t status = 0;
    std::uint32_t reserved = 0;
  };

  Queue* selected() { return regs_.queue < queues_.size() ? &queues_[regs_.queue] : nullptr; }
  std::uint32_t read_register(std::uint64_t offset);
  void write_register(std::uint64_t offset, std::uint32_t value);
  void write_queue_register(std::uint64_t offset, std::uint32_t value);
  void set_driver_features(std::uint32_t half);
  void set_status(std::uint32_t value);
  void enable_queue(Queue& queue, bool on);
  void use_features();
  void reset();
  void raise(std::uint32_t reason);

  Kind kind_;
  DeviceMemory& memory_;
  IrqLine irq_;
  std::vector<Queue> queues_;
  Registers regs_;
};

}  // namespace vmm::virtio
