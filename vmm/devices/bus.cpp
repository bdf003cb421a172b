#include "vmm/devices/bus.hpp"

#include <spdlog/spdlog.h>

#include "vmm/base/errors.hpp"

namespace vmm {
namespace {

/// A guest that walks through an address space can't make the log, or the memory of what was logged, grow for ever.
constexpr std::size_t kMaxLogged = 256;

std::uint64_t mask_of(unsigned size) { return size >= 8 ? ~0ull : (1ull << (8 * size)) - 1; }

}  // namespace

void Bus::add(std::uint64_t base, std::uint64_t size, Device& device) {
  VMM_CHECK(size > 0 && base + (size - 1) >= base);
  const auto next = ranges_.lower_bound(base);
  VMM_CHECK(next == ranges_.end() || next->first - base >= size);
  VMM_CHECK(next == ranges_.begin() || base - std::prev(next)->first >= std::prev(next)->second.size);
  ranges_.emplace(base, Range{size, &device});
}

std::pair<const std::uint64_t, Bus::Range>* Bus::find(std::uint64_t address) {
  const auto next = ranges_.upper_bound(address);
  if (next == ranges_.begin()) return nullptr;
  auto& range = *std::prev(next);
  return address - range.first < range.second.size ? &range : nullptr;
}

template <typename Access>
bool Bus::dispatch(std::uint64_t address, unsigned size, Access access) {
  const auto* whole = find(address);
  if (whole && whole->second.size - (address - whole->first) >= size) {
    access(*whole->second.device, address - whole->first, size, 0u);
    return true;
  }
  bool any = false;
  for (unsigned i = 0; i < size; ++i) {
    if (const auto* range = find(address + i)) {
      access(*range->second.device, address + i - range->first, 1u, i);
      any = true;
    }
  }
  return any;
}

std::uint64_t Bus::read(std::uint64_t address, unsigned size) {
  const std::lock_guard guard(lock_);
  std::uint64_t result = mask_of(size);
  const bool known = dispatch(address, size, [&](Device& device, std::uint64_t offset, unsigned width, unsigned at) {
    const auto mask = mask_of(width) << (8 * at);
    result = (result & ~mask) | ((device.read(offset, width) << (8 * at)) & mask);
  });
  if (!known) log_unknown(address, size, "read");
  return result;
}

void Bus::write(std::uint64_t address, unsigned size, std::uint64_t value) {
  const std::lock_guard guard(lock_);
  const bool known = dispatch(address, size, [&](Device& device, std::uint64_t offset, unsigned width, unsigned at) {
    device.write(offset, width, (value >> (8 * at)) & mask_of(width));
  });
  if (!known) log_unknown(address, size, "written");
}

void Bus::log_unknown(std::uint64_t address, unsigned size, const char* what) {
  if (!spdlog::should_log(spdlog::level::debug) || logged_.size() >= kMaxLogged) return;
  if (logged_.insert(address).second) spdlog::debug("no device at {:#x}: {} bytes {}", address, size, what);
}

std::vector<Bus::Row> Bus::rows() const {
  std::vector<Row> rows;
  for (const auto& [base, range] : ranges_) rows.push_back({base, range.size, range.device});
  return rows;
}

}  // namespace vmm
