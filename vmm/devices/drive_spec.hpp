/// What `--drive` says, as a value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace vmm {

struct DriveSpec {
  enum class Interface : std::uint8_t { kIde, kVirtio };
  std::string path;
  Interface interface = Interface::kIde;
  bool read_only = false;
  bool snapshot = false;  ///< what the guest writes is dropped at the end

  bool operator==(const DriveSpec&) const = default;
};

/// `FILE[,if=ide|virtio][,ro][,snapshot]`; a comma in FILE is doubled. Throws HostError that says so.
DriveSpec parse_drive(std::string_view text);

}  // namespace vmm
