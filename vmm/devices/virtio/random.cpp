#include "vmm/devices/virtio/random.hpp"

#include <algorithm>
#include <array>

namespace vmm::virtio {

Random::Random(Source source, DeviceMemory& memory, IrqLine irq)
    : MmioDevice({.name = "virtio entropy", .type = Type::kRandom}, memory, std::move(irq)),
      source_(std::move(source)) {}

void Random::notified(unsigned queue) {
  serve(queue, [this](Chain& chain) {
    std::array<std::byte, kMaxRequest> bytes;
    const auto part = std::span(bytes).first(std::min<std::uint64_t>(bytes.size(), chain.out.size()));
    source_(part);
    chain.out.write(memory(), part);
    return static_cast<std::uint32_t>(part.size());
  });
}

}  // namespace vmm::virtio
