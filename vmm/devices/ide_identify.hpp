/// What an ATA disk says of itself (ATA/ATAPI-5, IDENTIFY DEVICE).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace vmm {

struct IdeIdentity {
  std::uint64_t sectors;
  std::string_view serial;
  std::uint8_t most_multiple;  ///< sectors
  std::uint8_t multiple;       ///< as set; 0: off
  std::uint8_t heads;          ///< of the current translation, as the next
  std::uint8_t track_sectors;
};

/// Cylinders that `heads` and `track_sectors` (neither is 0) make of so many sectors: at most 16383, at least 1.
std::uint16_t ide_cylinders(std::uint64_t sectors, unsigned heads, unsigned track_sectors);

/// The 512 bytes of its answer.
std::array<std::byte, 512> ide_identify(const IdeIdentity& identity);

}  // namespace vmm
