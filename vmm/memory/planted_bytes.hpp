/// Bytes of ours that lie in guest memory over the guest's own: the traps of breakpoints.
///
/// Thread: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>

#include "vmm/memory/guest_memory.hpp"

namespace vmm {

class PlantedBytes {
 public:
  /// `memory` outlives it.
  explicit PlantedBytes(GuestMemory& memory) : memory_(memory) {}

  /// Lays `trap` over the byte at a guest-physical address; a second one there changes nothing.
  void plant(std::uint64_t physical, std::byte trap);
  /// Takes all away again. A byte that the guest has overwritten past write_under() stays as the guest made it.
  void lift();
  bool any() const;
  /// In [physical, physical + size).
  bool any_in(std::uint64_t physical, std::uint64_t size) const;
  /// The guest has overwritten this planted byte, or nothing was planted there.
  bool lost(std::uint64_t physical) const;

  /// Writes as if nothing were planted, up to the first hole: the guest's own bytes change, the traps stay. Returns the
  /// bytes done.
  std::size_t write_under(std::uint64_t physical, std::span<const std::byte> data);
  /// Of what was read from `physical` on: puts the guest's own bytes where the traps show.
  void hide(std::uint64_t physical, std::span<std::byte> read) const;

 private:
  struct Row {
    std::byte trap;
    std::byte own;
  };
  GuestMemory& memory_;
  mutable std::mutex mutex_;
  std::map<std::uint64_t, Row> rows_;
};

}  // namespace vmm
