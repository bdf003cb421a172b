/// A virtio block device over a Disk. Source: virtio 1.2, section 5.2.
///
/// Requests are done when the driver's notification returns. Without VIRTIO_BLK_F_FLUSH agreed on, a write is on the
/// host's disk before it is reported; with it, after a flush.
#pragma once

#include <string>
#include <vector>

#include "vmm/devices/disk.hpp"
#include "vmm/devices/virtio/mmio.hpp"

namespace vmm::virtio {

class Block final : public MmioDevice {
 public:
  /// `id` is what the guest sees as the disk's serial number, of at most 20 characters. `disk` outlives it.
  Block(Disk& disk, std::string id, DeviceMemory& memory, IrqLine irq);

 protected:
  void notified(unsigned queue) override;

 private:
  /// Bytes written into chain.out, the status byte included.
  std::uint32_t request(Chain& chain);
  bool read_sectors(std::uint64_t sector, Stream& out);
  bool write_sectors(std::uint64_t sector, Stream& in);

  Disk& disk_;
  std::string id_;
  std::vector<std::byte> buffer_;
};

}  // namespace vmm::virtio
