/// A virtio network card without offloads: each frame is one Ethernet frame of at most 1514 bytes, behind a header of
/// zeros. Source: virtio 1.2, section 5.1.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>

#include "vmm/devices/virtio/mmio.hpp"

namespace vmm {

/// The host's end of a network card. Implemented by Network (vmm/net.hpp), and by fakes in tests.
class NetPort {
 public:
  /// Header and payload, no checksum.
  static constexpr std::size_t kMaxFrame = 1514;

  virtual ~NetPort() = default;
  /// Takes a frame, or drops it when it is behind; never blocks. Thread: any, under the Bus lock.
  virtual void send(std::span<const std::byte> frame) = 0;
};

using MacAddress = std::array<std::uint8_t, 6>;

}  // namespace vmm

namespace vmm::virtio {

class Net final : public MmioDevice {
 public:
  /// `on_room` is called (under the Bus lock) when the guest has added buffers after a receive() that found none.
  Net(NetPort& host, MacAddress mac, std::function<void()> on_room, DeviceMemory& memory, IrqLine irq);

  /// A frame from the host. False: the guest has no buffer for it now; on_room comes when it may have. Frames that are
  /// too long, or that no driver waits for, are dropped. Under the Bus lock.
  bool receive(std::span<const std::byte> frame);

 protected:
  void notified(unsigned queue) override;
  void reset_more() override;
  void save_more(StateWriter& out) const override;
  void load_more(StateReader& in) override;

 private:
  NetPort& host_;
  std::function<void()> on_room_;
  bool starved_ = false;  // a receive() found no buffer
};

}  // namespace vmm::virtio
