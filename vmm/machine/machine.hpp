/// One virtual machine: owns memory, the VM of KVM, buses, devices and vCPU threads. Built whole from a MachineConfig
/// with the image in place and every vCPU parked, or throws. A reset is a new Machine.
///
/// Members are destroyed in reverse order: the vCPU threads end first.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "vmm/devices/bus.hpp"
#include "vmm/devices/cmos.hpp"
#include "vmm/devices/device.hpp"
#include "vmm/devices/disk.hpp"
#include "vmm/devices/drive_spec.hpp"
#include "vmm/devices/i8042.hpp"
#include "vmm/devices/serial.hpp"
#include "vmm/devices/vga_text.hpp"
#include "vmm/kvm/system.hpp"
#include "vmm/kvm/vm.hpp"
#include "vmm/loader/boot_image.hpp"
#include "vmm/machine/access_watch.hpp"
#include "vmm/machine/screen.hpp"
#include "vmm/machine/vcpu_thread.hpp"
#include "vmm/machine/virtio_devices.hpp"
#include "vmm/memory/device_memory.hpp"
#include "vmm/memory/guest_memory.hpp"
#include "vmm/memory/layout.hpp"
#include "vmm/memory/planted_bytes.hpp"

namespace vmm {

/// A drive of the machine. Its contents belong to who configures it, so they outlive a reset.
struct DriveConfig {
  DriveSpec::Interface interface;
  Disk* disk;
};

struct MachineConfig {
  std::uint64_t memory_size = 0;  ///< bytes
  unsigned cpus = 1;
  CpuPolicy cpu;    ///< `--cpu`
  BootImage image;  ///< its bytes belong to the ImageFile that the caller keeps
  BootOptions boot;
  std::vector<DriveConfig> drives;
  VirtioConfig virtio;
  std::span<const std::byte> vga_bios;  ///< for firmware; empty: none. As the image's bytes
};

class Machine {
 public:
  /// `system`, `console` and the bytes behind `config` outlive it. `sink` hears of every vCPU's stop, on its thread;
  /// `console_room` when the serial line takes input again (Bus lock held, vCPU thread).
  Machine(const kvm::System& system, const MachineConfig& config, HostPort& console, const StopSink& sink,
          std::function<void()> console_room);

  GuestMemory& memory() { return memory_; }
  PlantedBytes& planted() { return planted_; }
  AccessWatch& watch() { return watch_; }
  kvm::Vm& vm() { return vm_; }
  unsigned vcpu_count() const { return static_cast<unsigned>(vcpus_.size()); }
  VcpuThread& vcpu(unsigned index) { return *vcpus_.at(index); }
  /// Of a vCPU that has not run yet.
  const CpuState& initial_state(unsigned index) const { return initial_.at(index); }

  /// Host bytes for the serial line; call only while serial_accepting(). Thread: any.
  void serial_input(std::span<const std::byte> bytes);
  bool serial_accepting();
  /// HostPort::ready() has become true again. Thread: any.
  void serial_host_ready();

  /// What the guest's text screen shows. Thread: any.
  Screen screen();
  /// Keys of the guest's keyboard, pressed and let go. Thread: any.
  I8042::Typed type(std::span<const KeyCode> chord);
  VirtioDevices& virtio() { return virtio_; }

  /// The state of all devices, virtio's too, for a machine of the same configuration. Throws HostError when it is
  /// another's, or damaged. Thread: any; no vCPU runs.
  void save_devices(StateWriter& out);
  void load_devices(StateReader& in);

  const Bus& ports() const { return ports_; }
  const Bus& mmio() const { return mmio_; }

 private:
  void add_devices(const MachineConfig& config, HostPort& console, std::function<void()> console_room);
  void add_ide(const MachineConfig& config, Cmos& cmos);
  void add_firmware(const MachineConfig& config);
  template <typename T, typename... Args>
  T& add_port_device(std::uint64_t base, std::uint64_t size, Args&&... args);
  IrqLine irq_line(std::uint32_t gsi);

  GuestMemory memory_;
  PlantedBytes planted_;
  kvm::Vm vm_;
  AccessWatch watch_;
  DeviceMemory device_memory_;
  std::mutex bus_lock_;
  Bus ports_;
  Bus mmio_;
  std::vector<std::unique_ptr<Device>> devices_;
  Serial* serial_ = nullptr;
  I8042* keyboard_ = nullptr;
  VgaText* vga_ = nullptr;
  VirtioDevices virtio_;
  std::vector<std::unique_ptr<VcpuThread>> vcpus_;
  std::vector<CpuState> initial_;
};

}  // namespace vmm
