/// Page tables for an image that starts in long mode (4-level paging, SDM 3A 4.5).
#pragma once

#include <cstdint>

#include "vmm/loader/placement.hpp"

namespace vmm {

class PageTables {
 public:
  /// An empty top table. Tables are taken from `placement`, which must outlive this; LoadError when it has no room.
  explicit PageTables(Placement& placement);

  /// Maps [linear, linear + size) to `physical`, present, writable and executable, with 2 MiB pages where both are
  /// aligned. All multiples of 4 KiB, `linear` canonical. False when something else is mapped there.
  bool map(std::uint64_t linear, std::uint64_t physical, std::uint64_t size);
  std::uint64_t root() const { return root_; }

 private:
  bool map_page(std::uint64_t linear, std::uint64_t physical, std::uint64_t size);
  bool map_small(std::uint64_t linear, std::uint64_t physical);
  std::uint64_t new_table();

  Placement& placement_;
  std::uint64_t root_;
};

}  // namespace vmm
