/// A disk of the tests: sectors in memory, each filled with its own number at first.
#pragma once

#include <algorithm>
#include <vector>

#include "vmm/devices/disk.hpp"

namespace vmm {

struct FakeDisk final : Disk {
  explicit FakeDisk(std::size_t sector_count) : bytes(sector_count * kSectorSize) {
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i / kSectorSize);
  }
  std::uint64_t sectors() const override { return bytes.size() / kSectorSize; }
  bool read_only() const override { return is_read_only; }
  bool read(std::uint64_t sector, std::span<std::byte> out) override {
    if (broken || !inside(sector, out.size())) return false;
    std::ranges::copy(std::span(bytes).subspan(sector * kSectorSize, out.size()), out.begin());
    return true;
  }
  bool write(std::uint64_t sector, std::span<const std::byte> data) override {
    if (broken || is_read_only || !inside(sector, data.size())) return false;
    std::ranges::copy(data, bytes.begin() + static_cast<std::ptrdiff_t>(sector * kSectorSize));
    return true;
  }
  bool flush() override {
    ++flushes;
    return !broken;
  }

  std::vector<std::byte> bytes;
  bool is_read_only = false;
  bool broken = false;  ///< the host's error, from now on
  int flushes = 0;
};

}  // namespace vmm
