/// The power-off register that kernels write without having read the ACPI tables: PM1a_CNT, 16 bits, where SLP_EN
/// (bit 13) enters the sleep state of SLP_TYP (ACPI 6.5, 4.8.3.2.1). Every sleep state is "off" here. SCI_EN (bit 0)
/// reads 1: the machine is in ACPI mode from the start.
#pragma once

#include <array>

#include "vmm/devices/byte_device.hpp"

namespace vmm {

class Power final : public ByteDevice {
 public:
  static constexpr std::uint16_t kPorts = 2;
  struct Place {
    std::uint16_t port;
    std::string_view name;
  };
  static constexpr std::array<Place, 3> kPlaces = {{
      {0x604, "power off (QEMU)"},         // outw(0x604, 0x2000)
      {0xb004, "power off (Bochs)"},       // outw(0xb004, 0x2000)
      {0x4004, "power off (VirtualBox)"},  // outw(0x4004, 0x3400)
  }};

  /// One device for each place.
  Power(const Place& place, RequestSink request) : name_(place.name), request_(std::move(request)) {}
  std::string_view name() const override { return name_; }
  void save(StateWriter& out) const override;
  void load(StateReader& in) override;

 protected:
  std::uint8_t read_byte(std::uint64_t offset) override;
  void write_byte(std::uint64_t offset, std::uint8_t value) override;

 private:
  std::string_view name_;
  RequestSink request_;
  std::array<std::uint8_t, kPorts> bytes_{};
};

/// PM1a_EVT (4.8.3.1): 16 bits of status, 16 of what may interrupt. No event ever comes (there are no fixed buttons,
/// and the timer raises none), so the status reads 0; the enable bits read back.
class PowerEvents final : public ByteDevice {
 public:
  static constexpr std::uint16_t kPort = 0x600;
  static constexpr std::uint16_t kPorts = 4;

  std::string_view name() const override { return "power events"; }
  void save(StateWriter& out) const override;
  void load(StateReader& in) override;

 protected:
  std::uint8_t read_byte(std::uint64_t offset) override { return offset < kPorts ? bytes_[offset] : 0xff; }
  void write_byte(std::uint64_t offset, std::uint8_t value) override;

 private:
  std::array<std::uint8_t, kPorts> bytes_{};
};

}  // namespace vmm
