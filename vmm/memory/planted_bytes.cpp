#include "vmm/memory/planted_bytes.hpp"

namespace vmm {

void PlantedBytes::plant(std::uint64_t physical, std::byte trap) {
  const std::lock_guard lock(mutex_);
  const auto own = memory_.load<std::byte>(physical);
  if (!own || !rows_.try_emplace(physical, Row{trap, *own}).second) return;
  memory_.store(physical, trap);
}

void PlantedBytes::lift() {
  const std::lock_guard lock(mutex_);
  for (const auto& [physical, row] : rows_) {
    if (memory_.load<std::byte>(physical) == row.trap) memory_.store(physical, row.own);
  }
  rows_.clear();
}

bool PlantedBytes::any() const {
  const std::lock_guard lock(mutex_);
  return !rows_.empty();
}

bool PlantedBytes::any_in(std::uint64_t physical, std::uint64_t size) const {
  const std::lock_guard lock(mutex_);
  const auto row = rows_.lower_bound(physical);
  return row != rows_.end() && row->first - physical < size;
}

bool PlantedBytes::lost(std::uint64_t physical) const {
  const std::lock_guard lock(mutex_);
  const auto row = rows_.find(physical);
  return row == rows_.end() || memory_.load<std::byte>(physical) != row->second.trap;
}

std::size_t PlantedBytes::write_under(std::uint64_t physical, std::span<const std::byte> data) {
  const std::lock_guard lock(mutex_);
  // Around the traps, which another CPU may run into meanwhile.
  std::size_t done = 0;
  for (auto row = rows_.lower_bound(physical); row != rows_.end() && row->first - physical < data.size(); ++row) {
    const std::size_t at = row->first - physical;
    done += memory_.write(physical + done, data.subspan(done, at - done));
    if (done < at || !memory_.store(row->first, row->second.trap)) return done;
    row->second.own = data[at];
    ++done;
  }
  return done + memory_.write(physical + done, data.subspan(done));
}

void PlantedBytes::hide(std::uint64_t physical, std::span<std::byte> read) const {
  const std::lock_guard lock(mutex_);
  for (auto row = rows_.lower_bound(physical); row != rows_.end() && row->first - physical < read.size(); ++row) {
    std::byte& shown = read[row->first - physical];
    if (shown == row->second.trap) shown = row->second.own;
  }
}

}  // namespace vmm
