/// The two reset registers of PC chipsets besides the keyboard controller's: port 0xcf9 (Intel ICH, "RST_CNT") and port
/// 0x92 ("fast A20").
#pragma once

#include "vmm/devices/byte_device.hpp"

namespace vmm {

/// Covers 0xcf8-0xcfb, because 0xcf9 lies within PCI's CONFIG_ADDRESS: a dword written to 0xcf8 is an address, of which
/// no byte may reach the reset register. There is no PCI, so as an address it reads as all-ones.
class ResetControl final : public Device {
 public:
  static constexpr std::uint16_t kPort = 0xcf8;
  static constexpr std::uint16_t kPorts = 4;

  explicit ResetControl(RequestSink request) : request_(std::move(request)) {}
  std::string_view name() const override { return "reset control"; }
  std::uint64_t read(std::uint64_t offset, unsigned size) override;
  void write(std::uint64_t offset, unsigned size, std::uint64_t value) override;
  void save(StateWriter& out) const override;
  void load(StateReader& in) override;

 private:
  RequestSink request_;
  std::uint8_t value_ = 0;
};

/// Bit 0 resets, bit 1 is the A20 gate: it reads back, but A20 is never masked.
class FastA20 final : public ByteDevice {
 public:
  static constexpr std::uint16_t kPort = 0x92;
  static constexpr std::uint16_t kPorts = 1;

  explicit FastA20(RequestSink request) : request_(std::move(request)) {}
  std::string_view name() const override { return "fast A20"; }
  void save(StateWriter& out) const override;
  void load(StateReader& in) override;

 protected:
  std::uint8_t read_byte(std::uint64_t) override { return value_; }
  void write_byte(std::uint64_t, std::uint8_t value) override;

 private:
  RequestSink request_;
  std::uint8_t value_ = 0x02;
};

}  // namespace vmm
