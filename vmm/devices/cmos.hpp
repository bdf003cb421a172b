/// The CMOS RAM and its real-time clock (MC146818): the host's time in UTC, what a BIOS would have left of
/// memory sizes and disks, what SeaBIOS asks (CPUs, boot order, disk geometry), plain storage else. The clock can't be
/// set and raises no interrupt; its "update in progress" bit never shows.
#pragma once

#include <array>
#include <functional>

#include "vmm/devices/byte_device.hpp"

namespace vmm {

class Cmos final : public ByteDevice {
 public:
  static constexpr std::uint16_t kPort = 0x70;  // 0x70 index, 0x71 data
  static constexpr std::uint16_t kPorts = 2;

  /// Seconds since 1970-01-01 00:00 UTC.
  using WallClock = std::function<std::int64_t()>;
  struct MemorySize {
    std::uint64_t below_4g;  ///< end of the RAM below 4 GiB
    std::uint64_t above_4g;  ///< bytes of RAM from 4 GiB on
  };

  Cmos(WallClock clock, MemorySize memory, unsigned cpus = 1);
  /// What a BIOS leaves of IDE drive 0 or 1: the user-defined type, with this geometry. Build time only.
  void describe_disk(unsigned drive, std::uint16_t cylinders, std::uint8_t heads, std::uint8_t track_sectors);
  std::string_view name() const override { return "CMOS and clock"; }
  void save(StateWriter& out) const override;
  void load(StateReader& in) override;

 protected:
  std::uint8_t read_byte(std::uint64_t offset) override;
  void write_byte(std::uint64_t offset, std::uint8_t value) override;

 private:
  std::uint8_t read_register(std::uint8_t index) const;
  std::uint8_t encoded(unsigned value) const;
  std::uint8_t encoded_hour(unsigned hour) const;

  WallClock clock_;
  std::uint8_t index_ = 0;
  std::array<std::uint8_t, 128> bytes_{};
};

}  // namespace vmm
