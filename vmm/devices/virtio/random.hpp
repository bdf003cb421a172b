/// A virtio entropy device. Source: virtio 1.2, section 5.4.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "vmm/devices/virtio/mmio.hpp"

namespace vmm::virtio {

class Random final : public MmioDevice {
 public:
  /// Fills all of it with random bytes; never blocks for long.
  using Source = std::function<void(std::span<std::byte>)>;
  /// The most that one request gets; its driver takes what it gets.
  static constexpr std::size_t kMaxRequest = 4096;

  Random(Source source, DeviceMemory& memory, IrqLine irq);

 protected:
  void notified(unsigned queue) override;

 private:
  Source source_;
};

}  // namespace vmm::virtio
