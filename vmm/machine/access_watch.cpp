#include "vmm/machine/access_watch.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "vmm/cpu/page_walk.hpp"

namespace vmm {

void AccessWatch::set(std::vector<Range> ranges, Changed changed, Stale stale) {
  changed_ = std::move(changed);
  stale_ = std::move(stale);
  if (ranges == ranges_) return;
  {
    const std::lock_guard lock(mutex_);
    by_device_.reset();  // its id means something else now
    any_by_device_ = false;
  }
  const auto msrs = [](const std::vector<Range>& rows) {
    std::vector<kvm::MsrRange> found;
    for (const Range& row : rows) {
      if (row.space == WatchedAccess::Space::kMsr) found.push_back({static_cast<std::uint32_t>(row.first), 1});
    }
    return found;
  };
  const std::vector<kvm::MsrRange> wanted = msrs(ranges);
  if (wanted != msrs(ranges_)) {
    if (const auto done = vm_.trap_msrs(wanted); !done) spdlog::warn("{}", done.error());
  }
  ranges_ = std::move(ranges);
}

void AccessWatch::protect(std::vector<kvm::ProtectedPage> pages) {
  std::ranges::sort(pages, {}, &kvm::ProtectedPage::physical);
  if (pages == pages_) return;
  vm_.protect(pages);
  pages_ = std::move(pages);
  turnstile_.engage(several_ && !pages_.empty());
}

bool AccessWatch::covers(std::uint64_t physical) const {
  return std::ranges::binary_search(pages_, kvm::page_of(physical), {}, &kvm::ProtectedPage::physical);
}

bool AccessWatch::serve(const kvm::ExitMmio& access, std::optional<WatchedAccess>& seen) {
  if (!covers(access.address)) return false;
  std::array<std::byte, 8> before{};
  const auto old = std::span(before).first(access.data.size());
  memory_.read(access.address, old);
  planted_.hide(access.address, old);
  if (access.write) {
    planted_.write_under(access.address, access.data);
  } else {
    std::ranges::copy(old, access.data.begin());
  }
  WatchedAccess done{.write = access.write, .address = access.address, .size = static_cast<unsigned>(old.size())};
  std::memcpy(&done.value, access.data.data(), access.data.size());
  for (const Range& range : ranges_) {
    if (range.space != WatchedAccess::Space::kMemory || !range.guests) continue;
    if (access.write && range.writes && !range.reads) {
      // Only what changed inside the range counts.
      bool changed = false;
      for (std::size_t i = 0; i < old.size(); ++i) {
        changed = changed || (access.address + i - range.first < range.size && old[i] != access.data[i]);
      }
      if (!changed) continue;
    } else if (!(access.write ? range.writes : range.reads) || access.address >= range.first + range.size ||
               range.first >= access.address + old.size()) {
      continue;
    }
    done.id = range.id;
    if (!seen) seen = done;
  }
  return true;
}

namespace {

thread_local std::optional<WatchedAccess>* t_seen = nullptr;

}  // namespace

void AccessWatch::listen(std::optional<WatchedAccess>* seen) { t_seen = seen; }

void AccessWatch::device_wrote(std::uint64_t address, std::size_t size) {
  std::optional<WatchedAccess> hit;
  for (const Range& range : ranges_) {
    const bool overlap = range.first - address < size || address - range.first < range.size;
    if (range.space != WatchedAccess::Space::kMemory || !range.writes || !overlap) continue;
    const bool changed = changed_ && changed_(range.id);  // asked anyhow, so that nobody finds it later
    if (hit || !(changed || range.reads)) continue;
    hit = WatchedAccess{.id = range.id, .write = true, .address = std::max(address, range.first), .size = 1};
  }
  if (!hit) return;
  if (t_seen != nullptr) {
    if (!*t_seen) *t_seen = hit;
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    if (!by_device_) by_device_ = hit;
    any_by_device_ = true;
  }
  wake_();
}

bool AccessWatch::take(std::optional<WatchedAccess>& seen) {
  if (!any_by_device_) return false;
  const std::lock_guard lock(mutex_);
  any_by_device_ = false;
  if (by_device_ && !seen) seen = by_device_;
  return std::exchange(by_device_, std::nullopt).has_value();
}

bool AccessWatch::is_push(std::uint64_t physical, const CpuState& state) const {
  const std::uint64_t top = stack_top(state);
  if ((top ^ physical) % kvm::kProtectedPageSize != 0) return false;  // the walk costs more
  const auto place = walk(state, memory_, top);
  return place && place->physical == physical;
}

void AccessWatch::note(WatchedAccess access, std::optional<WatchedAccess>& seen) const {
  const auto range = std::ranges::find_if(ranges_, [&](const Range& row) {
    return row.space == access.space && (access.write ? row.writes : row.reads) &&
           access.address < row.first + row.size && row.first < access.address + access.size;
  });
  if (range == ranges_.end() || seen) return;
  access.id = range->id;
  seen = access;
}

}  // namespace vmm
