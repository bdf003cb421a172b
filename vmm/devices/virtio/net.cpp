#include "vmm/devices/virtio/net.hpp"

#include "vmm/base/table_bytes.hpp"

namespace vmm::virtio {
namespace {

enum QueueIndex : unsigned { kReceive = 0, kTransmit = 1 };
enum Feature : unsigned { kMac = 5 };

/// struct virtio_net_hdr with VIRTIO_F_VERSION_1 (5.1.6). Without offloads all but the last field is zero.
struct Header {
  std::uint8_t flags = 0;
  std::uint8_t segmentation = 0;
  std::uint16_t lengths[4] = {};
  std::uint16_t buffers = 0;
};
static_assert(sizeof(Header) == 12);

}  // namespace

Net::Net(NetPort& host, MacAddress mac, std::function<void()> on_room, DeviceMemory& memory, IrqLine irq)
    : MmioDevice({.name = "virtio network",
                  .type = Type::kNet,
                  .features = 1u << kMac,
                  .queues = 2,
                  .queue_size = 256,
                  .config = table::bytes_of(mac)},
                 memory, std::move(irq)),
      host_(host),
      on_room_(std::move(on_room)) {}

void Net::notified(unsigned queue) {
  if (queue == kReceive) {
    if (std::exchange(starved_, false) && on_room_) on_room_();
    return;
  }
  serve(kTransmit, [this](Chain& chain) {
    chain.in.skip(sizeof(Header));
    std::array<std::byte, NetPort::kMaxFrame> frame;
    if (chain.in.size() > 0 && chain.in.size() <= frame.size()) {
      host_.send(std::span(frame).first(chain.in.read(memory(), frame)));
    }
    return 0u;
  });
}

bool Net::receive(std::span<const std::byte> frame) {
  if (!live() || frame.size() > NetPort::kMaxFrame) return true;
  bool taken = false;
  serve(
      kReceive,
      [&](Chain& chain) {
        taken = true;
        // A buffer that is too small for a frame breaks 5.1.6.3.1; the frame is lost.
        if (chain.out.size() < sizeof(Header) + frame.size()) return 0u;
        const Header header{.buffers = 1};
        chain.out.write(memory(), std::as_bytes(std::span(&header, 1)));
        chain.out.write(memory(), frame);
        return static_cast<std::uint32_t>(sizeof header + frame.size());
      },
      [&] { return !taken; });
  starved_ = !taken && live();
  return !starved_;
}

void Net::reset_more() {
  if (std::exchange(starved_, false) && on_room_) on_room_();
}

void Net::save_more(StateWriter& out) const { out.put(static_cast<std::uint8_t>(starved_)); }

/// What the host's end holds back is not of the snapshot: it may try again.
void Net::load_more(StateReader& in) {
  starved_ = in.get<std::uint8_t>() != 0;
  if (on_room_) on_room_();
}

}  // namespace vmm::virtio
