/// Guest-physical memory: the only way to guest bytes, and always bounds-checked.
///
/// Thread: any. The guest itself writes concurrently; a reader sees bytes, never a crash.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include "vmm/base/mapping.hpp"

namespace vmm {

class GuestMemory {
 public:
  /// A contiguous piece of guest-physical memory that the host backs.
  struct Region {
    std::uint64_t base;  ///< guest-physical, page-aligned
    std::uint64_t size;  ///< bytes, a multiple of 4 KiB
    std::byte* host;
    bool ram;                ///< usable RAM; false: text buffer, BIOS area, ROM
    bool read_only = false;  ///< to the guest: firmware's ROM
  };

  /// RAM as memory/layout.hpp says, `ram_size` rounded up to 4 KiB. Like QEMU's -m: RAM ends at address `ram_size`, the
  /// holes below 1 MiB are cut out of it, and what is beyond 3 GiB moves to 4 GiB. Throws HostError when the size is
  /// below layout::kMinRam or the host has not that much. With `rom_size` there is a ROM that ends at 4 GiB, and memory
  /// all the way from layout::kOptionRoms to 1 MiB: a multiple of layout::kRomGranule up to layout::kMostRom.
  explicit GuestMemory(std::uint64_t ram_size, std::uint64_t rom_size = 0);

  std::span<const Region> regions() const { return regions_; }
  /// What the constructor was asked for, rounded; the PC's holes included.
  std::uint64_t ram_size() const { return ram_size_; }
  /// One past the last RAM byte.
  std::uint64_t ram_end() const;

  /// Copies from `address` up to the first hole; returns how many bytes. 1, 2, 4 or 8 bytes are moved by one access, as
  /// the guest's CPUs do it: when they are aligned, none of those sees a part, or the same write twice.
  std::size_t read(std::uint64_t address, std::span<std::byte> out) const;
  std::size_t write(std::uint64_t address, std::span<const std::byte> data);
  /// All of [address, address + size) is backed, RAM or not; true for size 0.
  bool contains(std::uint64_t address, std::uint64_t size) const;
  /// As contains(), and none of it is read-only to the guest.
  bool writable(std::uint64_t address, std::uint64_t size) const;
  /// Everything becomes zero. No vCPU may run.
  void clear();

  template <typename T>
    requires std::is_trivially_copyable_v<T>
  std::optional<T> load(std::uint64_t address) const {
    std::array<std::byte, sizeof(T)> bytes{};
    if (read(address, bytes) != bytes.size()) return std::nullopt;
    T value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  template <typename T>
    requires std::is_trivially_copyable_v<T>
  bool store(std::uint64_t address, const T& value) {
    if (!contains(address, sizeof value)) return false;
    return write(address, std::as_bytes(std::span(&value, 1))) == sizeof value;
  }

 private:
  std::uint64_t ram_size_;
  std::vector<Mapping> mappings_;
  std::vector<Region> regions_;  // sorted by base
};

}  // namespace vmm
