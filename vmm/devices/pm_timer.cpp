#include "vmm/devices/pm_timer.hpp"

namespace vmm {

std::uint64_t PmTimer::read(std::uint64_t offset, unsigned size) {
  constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;
  const std::uint64_t now = clock_();
  // In two parts, as the product of the whole would not fit in 64 bits.
  const std::uint64_t ticks =
      now / kNanosecondsPerSecond * kHertz + now % kNanosecondsPerSecond * kHertz / kNanosecondsPerSecond;
  const std::uint64_t counter = ticks & 0xffff'ffff;
  const std::uint64_t mask = size >= 8 ? ~0ull : (1ull << size * 8) - 1;
  return offset < kPorts ? counter >> offset * 8 & mask : mask;
}

}  // namespace vmm
