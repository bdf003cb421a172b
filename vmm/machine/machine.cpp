#include "vmm/machine/machine.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

#include "vmm/base/errors.hpp"
#include "vmm/devices/absent.hpp"
#include "vmm/devices/cmos.hpp"
#include "vmm/devices/debug_console.hpp"
#include "vmm/devices/debug_exit.hpp"
#include "vmm/devices/firmware_log.hpp"
#include "vmm/devices/fw_cfg.hpp"
#include "vmm/devices/i8042.hpp"
#include "vmm/devices/ide.hpp"
#include "vmm/devices/ide_identify.hpp"
#include "vmm/devices/pm_timer.hpp"
#include "vmm/devices/power.hpp"
#include "vmm/devices/reset_control.hpp"
#include "vmm/loader/cpu_tables.hpp"
#include "vmm/machine/firmware_platform.hpp"
#include "vmm/memory/layout.hpp"

namespace vmm {

namespace {

std::int64_t seconds_since_epoch() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

Cmos::MemorySize memory_size_of(const GuestMemory& memory) {
  Cmos::MemorySize size{.below_4g = 0, .above_4g = 0};
  for (const GuestMemory::Region& region : memory.regions()) {
    if (!region.ram) continue;
    if (region.base >= layout::kAbove4G) {
      size.above_4g += region.size;
    } else {
      size.below_4g = region.base + region.size;
    }
  }
  return size;
}

std::vector<Disk*> disks_of(const MachineConfig& config, DriveSpec::Interface interface) {
  std::vector<Disk*> disks;
  for (const DriveConfig& drive : config.drives) {
    if (drive.interface == interface) disks.push_back(drive.disk);
  }
  return disks;
}

}  // namespace

Machine::Machine(const kvm::System& system, const MachineConfig& config, HostPort& console, const StopSink& sink,
                 std::function<void()> console_room)
    : memory_(config.memory_size, rom_size(config.image)),
      planted_(memory_),
      vm_(system, memory_, kvm::Vm::Chips::kIrqchipAndPit, {.cpus = config.cpus, .policy = config.cpu}),
      watch_(memory_, planted_, vm_, config.cpus > 1,
             [this] {
               for (const auto& vcpu : vcpus_) vcpu->kick();
             }),
      device_memory_(memory_, planted_, [this](auto address, auto size) { watch_.device_wrote(address, size); }),
      ports_(bus_lock_),
      mmio_(bus_lock_),
      virtio_(config.virtio, disks_of(config, DriveSpec::Interface::kVirtio), mmio_, bus_lock_, device_memory_,
              [this](std::uint32_t gsi) { return irq_line(gsi); }) {
  if (config.cpus > system.max_vcpus()) {
    throw HostError(fmt::format("{} CPUs are too many: this host's KVM allows {}", config.cpus, system.max_vcpus()));
  }
  add_devices(config, console, std::move(console_room));
  for (unsigned i = 0; i < config.cpus; ++i) {
    vcpus_.push_back(std::make_unique<VcpuThread>(i, vm_, ports_, mmio_, watch_, sink));
    initial_.push_back(vcpus_.back()->call([](kvm::Vcpu& vcpu) { return vcpu.state(); }));
  }
  BootOptions boot = config.boot;
  const bool linux = config.image.format == ImageFormat::kBzImage || config.image.format == ImageFormat::kPvh;
  if (linux) boot.command_line = announce_virtio(std::move(boot.command_line), virtio_.slots());
  initial_[0] = place_image(config.image, boot, memory_, initial_[0]);
  // Firmware makes its own.
  if (rom_size(config.image) == 0) place_cpu_tables(config.image, config.cpus, virtio_.slots(), memory_);
  vcpus_[0]->call([&](kvm::Vcpu& vcpu) { vcpu.set_state(initial_[0]); });
}

template <typename T, typename... Args>
T& Machine::add_port_device(std::uint64_t base, std::uint64_t size, Args&&... args) {
  auto device = std::make_unique<T>(std::forward<Args>(args)...);
  T& reference = *device;
  ports_.add(base, size, reference);
  devices_.push_back(std::move(device));
  return reference;
}

IrqLine Machine::irq_line(std::uint32_t gsi) {
  return IrqLine([this, gsi](bool level) { vm_.set_irq(gsi, level); });
}

void Machine::add_devices(const MachineConfig& config, HostPort& console, std::function<void()> console_room) {
  const RequestSink request = &VcpuThread::request_from_device;
  serial_ = &add_port_device<Serial>(Serial::kCom1Port, Serial::kPorts, "serial line 1 (16550)", console,
                                     irq_line(Serial::kCom1Irq), std::move(console_room));
  add_port_device<DebugConsole>(DebugConsole::kPort, DebugConsole::kPorts, console);
  add_port_device<DebugExit>(DebugExit::kPort, DebugExit::kPorts, request);
  keyboard_ = &add_port_device<I8042>(I8042::kPort, I8042::kPorts, irq_line(I8042::kIrq), request);
  auto& cmos =
      add_port_device<Cmos>(Cmos::kPort, Cmos::kPorts, seconds_since_epoch, memory_size_of(memory_), config.cpus);
  add_port_device<FastA20>(FastA20::kPort, FastA20::kPorts, request);
  add_port_device<ResetControl>(ResetControl::kPort, ResetControl::kPorts, request);
  for (const Power::Place& place : Power::kPlaces) add_port_device<Power>(place.port, Power::kPorts, place, request);
  add_port_device<PowerEvents>(PowerEvents::kPort, PowerEvents::kPorts);
  add_port_device<PmTimer>(PmTimer::kPort, PmTimer::kPorts, [this] { return vm_.clock(); });
  static_assert(PowerEvents::kPort == kPm1Event && Power::kPlaces[0].port == kPm1Control && PmTimer::kPort == kPmTimer);
  vga_ = &add_port_device<VgaText>(VgaText::kPort, VgaText::kPorts);
  add_ide(config, cmos);
  for (const AbsentRow& row : absent_ports()) {
    if (!ports_.has(row.port)) add_port_device<Absent>(row.port, 1, row);
  }
  add_firmware(config);
}

void Machine::add_firmware(const MachineConfig& config) {
  if (rom_size(config.image) == 0) return;
  const auto disks = disks_of(config, DriveSpec::Interface::kVirtio);  // which have the first slots
  const bool first = !config.drives.empty() && config.drives.front().interface == DriveSpec::Interface::kVirtio;
  add_port_device<FwCfg>(FwCfg::kPort, FwCfg::kPorts, device_memory_,
                         firmware_contents(memory_, config.cpus, virtio_.slots(),
                                           virtio_.slots().first(first ? disks.size() : 0), config.vga_bios));
  add_port_device<FirmwareLog>(FirmwareLog::kPort, FirmwareLog::kPorts,
                               [](const std::string& line) { spdlog::info("firmware: {}", line); });
}

void Machine::add_ide(const MachineConfig& config, Cmos& cmos) {
  const std::vector<Disk*> disks = disks_of(config, DriveSpec::Interface::kIde);
  if (disks.empty()) return;
  if (disks.size() > Ide::kMostDrives) {
    throw HostError("there is room for two IDE drives: add ,if=virtio to the other --drive options");
  }
  for (const Disk* disk : disks) {
    if (disk->sectors() <= Ide::kMostSectors) continue;
    throw HostError("an IDE drive has at most 128 GiB: add ,if=virtio to the --drive option of the larger one");
  }
  Disk* second = disks.size() > 1 ? disks[1] : nullptr;
  auto& ide = add_port_device<Ide>(Ide::kPort, Ide::kPorts, irq_line(Ide::kIrq), *disks[0], second);
  ports_.add(Ide::kControlPort, 1, ide.control_block());
  for (unsigned i = 0; i < disks.size(); ++i) {
    cmos.describe_disk(i, ide_cylinders(disks[i]->sectors(), kIdeHeads, kIdeTrackSectors), kIdeHeads, kIdeTrackSectors);
  }
}

void Machine::save_devices(StateWriter& out) {
  const std::lock_guard lock(bus_lock_);
  for (const auto& device : devices_) device->save(out);
  virtio_.save(out);
}

void Machine::load_devices(StateReader& in) {
  const std::lock_guard lock(bus_lock_);
  for (const auto& device : devices_) device->load(in);
  virtio_.load(in);
}

void Machine::serial_input(std::span<const std::byte> bytes) {
  const std::lock_guard lock(bus_lock_);
  serial_->receive(bytes);
}

bool Machine::serial_accepting() {
  const std::lock_guard lock(bus_lock_);
  return serial_->accepting();
}

Screen Machine::screen() {
  const auto view = [this] {
    const std::lock_guard lock(bus_lock_);
    return vga_->view();
  }();
  return read_screen(memory_, view);
}

I8042::Typed Machine::type(std::span<const KeyCode> chord) {
  const std::lock_guard lock(bus_lock_);
  return keyboard_->type(chord);
}

void Machine::serial_host_ready() {
  const std::lock_guard lock(bus_lock_);
  serial_->host_ready();
}

}  // namespace vmm
