#include "vmm/devices/virtio/console.hpp"

#include <algorithm>
#include <array>

#include "vmm/base/errors.hpp"

namespace vmm::virtio {
namespace {

enum QueueIndex : unsigned { kReceive = 0, kTransmit = 1 };
constexpr std::size_t kMaxWaiting = 4 * Console::kMaxReceive;
constexpr std::size_t kPiece = 4096;

}  // namespace

Console::Console(HostPort& host, std::function<void()> on_room, DeviceMemory& memory, IrqLine irq)
    : MmioDevice({.name = "virtio console", .type = Type::kConsole, .queues = 2}, memory, std::move(irq)),
      host_(host),
      on_room_(std::move(on_room)) {}

bool Console::accepting() const { return waiting_.size() + kMaxReceive <= kMaxWaiting; }

void Console::receive(std::span<const std::byte> bytes) {
  const auto taken = bytes.first(std::min(bytes.size(), kMaxWaiting - waiting_.size()));
  waiting_.insert(waiting_.end(), taken.begin(), taken.end());
  fill_buffers();
}

void Console::host_ready() { write_out(); }

void Console::notified(unsigned queue) { queue == kReceive ? fill_buffers() : write_out(); }

void Console::fill_buffers() {
  const bool was_accepting = accepting();
  serve(
      kReceive,
      [this](Chain& chain) {
        const auto end =
            waiting_.begin() + static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(waiting_.size(), chain.out.size()));
        const std::vector<std::byte> part(waiting_.begin(), end);
        waiting_.erase(waiting_.begin(), end);
        chain.out.write(memory(), part);
        return static_cast<std::uint32_t>(part.size());
      },
      [this] { return !waiting_.empty(); });
  if (!was_accepting && accepting() && on_room_) on_room_();
}

void Console::write_out() {
  serve(
      kTransmit,
      [this](Chain& chain) {
        std::array<std::byte, kPiece> bytes;
        while (const auto count = chain.in.read(memory(), bytes)) host_.write(std::span(bytes).first(count));
        return 0u;
      },
      [this] { return host_.ready(); });
}

void Console::save_more(StateWriter& out) const {
  const std::vector<std::byte> waiting(waiting_.begin(), waiting_.end());
  out.put_bytes(waiting);
}

void Console::load_more(StateReader& in) {
  const auto waiting = in.get_bytes();
  if (waiting.size() > kMaxWaiting) {
    throw HostError("the snapshot is damaged: the virtio console has more bytes waiting than fit");
  }
  waiting_.assign(waiting.begin(), waiting.end());
  if (accepting() && on_room_) on_room_();
}

}  // namespace vmm::virtio
