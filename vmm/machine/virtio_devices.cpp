#include "vmm/machine/virtio_devices.hpp"

#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <type_traits>
#include <utility>

#include "vmm/base/errors.hpp"
#include "vmm/devices/virtio/block.hpp"
#include "vmm/devices/virtio/random.hpp"

namespace vmm {
namespace {

/// Never blocks on a host that is up; 256 bytes at a time come whole (getrandom(2)).
void host_random(std::span<std::byte> bytes) {
  constexpr std::size_t kWhole = 256;
  while (!bytes.empty()) {
    const auto count = ::getrandom(bytes.data(), std::min(bytes.size(), kWhole), 0);
    if (count < 0) throw HostError::from_errno("getrandom");
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

}  // namespace

VirtioDevices::VirtioDevices(const VirtioConfig& config, std::span<Disk* const> disks, Bus& mmio, std::mutex& lock,
                             DeviceMemory& memory, const std::function<IrqLine(std::uint32_t)>& irq_line)
    : lock_(lock), memory_(memory) {
  const auto add = [&]<typename T>(std::type_identity<T>, auto&&... ends) {
    if (slots_.size() == layout::kVirtioGsis.size()) {
      throw HostError(fmt::format("more than {} virtio devices: leave some out", layout::kVirtioGsis.size()));
    }
    const auto slot = layout::virtio_slot(slots_.size());
    auto device = std::make_unique<T>(std::forward<decltype(ends)>(ends)..., memory_, irq_line(slot.gsi));
    T* const added = device.get();
    mmio.add(slot.base, slot.size, *added);
    slots_.push_back(slot);
    devices_.push_back(std::move(device));
    return added;
  };
  for (Disk* disk : disks) add(std::type_identity<virtio::Block>(), *disk, fmt::format("gdbvm-{}", slots_.size()));
  if (config.console) console_ = add(std::type_identity<virtio::Console>(), *config.console, config.console_room);
  if (config.random) add(std::type_identity<virtio::Random>(), host_random);
  if (config.net) net_ = add(std::type_identity<virtio::Net>(), *config.net, config.mac, config.net_room);
}

void VirtioDevices::save(StateWriter& out) const {
  for (const auto& device : devices_) device->save(out);
}

void VirtioDevices::load(StateReader& in) {
  for (const auto& device : devices_) device->load(in);
}

void VirtioDevices::console_input(std::span<const std::byte> bytes) {
  const std::lock_guard guard(lock_);
  if (console_) console_->receive(bytes);
}

bool VirtioDevices::console_accepting() {
  const std::lock_guard guard(lock_);
  return console_ && console_->accepting();
}

void VirtioDevices::console_work() {
  const std::lock_guard guard(lock_);
  if (console_) console_->work();
}

bool VirtioDevices::net_input(std::span<const std::byte> frame) {
  const std::lock_guard guard(lock_);
  return !net_ || net_->receive(frame);
}

}  // namespace vmm
