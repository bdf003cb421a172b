/// The machine's virtio devices: block devices first, then console, entropy and network, each at the next of
/// layout::virtio_slot().
///
/// Thread: what takes host input: any; it takes the Bus lock.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "vmm/devices/bus.hpp"
#include "vmm/devices/disk.hpp"
#include "vmm/devices/virtio/console.hpp"
#include "vmm/devices/virtio/net.hpp"
#include "vmm/memory/device_memory.hpp"
#include "vmm/memory/layout.hpp"

namespace vmm {

/// The hosts' ends outlive the machine; a null one means that there is no such device. The `room` functions are called
/// under the Bus lock when the device takes input again.
struct VirtioConfig {
  HostPort* console = nullptr;
  std::function<void()> console_room;
  NetPort* net = nullptr;
  MacAddress mac{};
  std::function<void()> net_room;
  bool random = false;
};

class VirtioDevices {
 public:
  /// Throws HostError when there are more devices than slots. `mmio`, `lock`, which guards it, and `memory` outlive
  /// this.
  VirtioDevices(const VirtioConfig& config, std::span<Disk* const> disks, Bus& mmio, std::mutex& lock,
                DeviceMemory& memory, const std::function<IrqLine(std::uint32_t)>& irq_line);
  VirtioDevices(const VirtioDevices&) = delete;
  VirtioDevices& operator=(const VirtioDevices&) = delete;

  /// Of the devices that there are, to be announced to the guest.
  std::span<const layout::VirtioSlot> slots() const { return slots_; }

  /// Of all of them, in order, for snapshots; under the Bus lock.
  void save(StateWriter& out) const;
  void load(StateReader& in);

  /// Host bytes for the console, which wait for console_work(); call it only while console_accepting().
  void console_input(std::span<const std::byte> bytes);
  bool console_accepting();
  /// Moves the console's bytes from and to guest memory, as far as both ends are ready.
  void console_work();
  /// A frame from the host, into guest memory; false: the guest has no room, VirtioConfig::net_room comes later.
  bool net_input(std::span<const std::byte> frame);

 private:
  std::mutex& lock_;
  DeviceMemory& memory_;
  std::vector<layout::VirtioSlot> slots_;
  std::vector<std::unique_ptr<Device>> devices_;
  virtio::Console* console_ = nullptr;
  virtio::Net* net_ = nullptr;
};

}  // namespace vmm
