/// A virtio console with its one port, which Linux calls hvc0. Source: virtio 1.2, section 5.3.
///
/// Nothing is lost: while the host is behind, what the guest wrote waits in its buffers; what the host typed waits here
/// until the guest has buffers for it.
#pragma once

#include <deque>
#include <functional>

#include "vmm/devices/virtio/mmio.hpp"

namespace vmm::virtio {

class Console final : public MmioDevice {
 public:
  /// The most that one receive() may bring.
  static constexpr std::size_t kMaxReceive = 1024;

  /// `on_room` is called (under the Bus lock) when accepting() becomes true again. `host` and `memory` outlive it.
  Console(HostPort& host, std::function<void()> on_room, DeviceMemory& memory, IrqLine irq);

  /// Whether receive() has room for kMaxReceive bytes. Under the Bus lock, as the next two.
  bool accepting() const;
  /// Bytes from the host; call it only while accepting() (what is beyond the bound is dropped).
  void receive(std::span<const std::byte> bytes);
  /// HostPort::ready() has become true.
  void host_ready();

 protected:
  void notified(unsigned queue) override;
  void save_more(StateWriter& out) const override;
  void load_more(StateReader& in) override;

 private:
  void fill_buffers();
  void write_out();

  HostPort& host_;
  std::function<void()> on_room_;
  std::deque<std::byte> waiting_;
};

}  // namespace vmm::virtio
