/// Guest memory as a device sees it (DMA): all of a transfer or nothing; past the traps that breakpoints have planted;
/// and whoever watches memory hears of each write.
///
/// Thread: any; devices call it under the Bus lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include "vmm/memory/guest_memory.hpp"
#include "vmm/memory/planted_bytes.hpp"

namespace vmm {

class DeviceMemory {
 public:
  /// Hears of a write to [address, address + size) when it has been made. Must not call back into a Bus.
  using Observer = std::function<void(std::uint64_t address, std::size_t size)>;

  /// `memory` and `planted` outlive it.
  DeviceMemory(const GuestMemory& memory, PlantedBytes& planted, Observer wrote = {})
      : memory_(memory), planted_(planted), wrote_(std::move(wrote)) {}

  /// All of [address, address + size) is there.
  bool contains(std::uint64_t address, std::uint64_t size) const { return memory_.contains(address, size); }
  /// As contains(), and none of it is ROM.
  bool writable(std::uint64_t address, std::uint64_t size) const { return memory_.writable(address, size); }
  /// False, with nothing promised about `out`: some of it lies outside memory.
  bool read(std::uint64_t address, std::span<std::byte> out) const {
    if (memory_.read(address, out) != out.size()) return false;
    planted_.hide(address, out);
    return true;
  }
  /// False, with nothing written: some of it lies outside memory, or in ROM.
  bool write(std::uint64_t address, std::span<const std::byte> data) {
    if (!writable(address, data.size())) return false;
    planted_.write_under(address, data);
    if (wrote_ && !data.empty()) wrote_(address, data.size());
    return true;
  }

  template <typename T>
    requires std::is_trivially_copyable_v<T>
  std::optional<T> load(std::uint64_t address) const {
    T value;
    if (!read(address, std::as_writable_bytes(std::span(&value, 1)))) return std::nullopt;
    return value;
  }
  template <typename T>
    requires std::is_trivially_copyable_v<T>
  bool store(std::uint64_t address, const T& value) {
    return write(address, std::as_bytes(std::span(&value, 1)));
  }

 private:
  const GuestMemory& memory_;
  PlantedBytes& planted_;
  Observer wrote_;
};

}  // namespace vmm
