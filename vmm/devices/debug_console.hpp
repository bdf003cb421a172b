/// Port 0xe9: what the guest writes appears on the host, with no set-up at all; reading gives 0xe9, so that a guest can
/// tell that the port is there. Source: Bochs (port_e9_hack); QEMU's isa-debugcon is the same.
#pragma once

#include "vmm/devices/byte_device.hpp"

namespace vmm {

class DebugConsole final : public ByteDevice {
 public:
  static constexpr std::uint16_t kPort = 0xe9;
  static constexpr std::uint16_t kPorts = 1;

  explicit DebugConsole(HostPort& host) : host_(host) {}
  std::string_view name() const override { return "debug console"; }
  void save(StateWriter&) const override {}
  void load(StateReader&) override {}

 protected:
  std::uint8_t read_byte(std::uint64_t) override { return 0xe9; }
  void write_byte(std::uint64_t, std::uint8_t value) override { host_.write(std::as_bytes(std::span(&value, 1))); }

 private:
  HostPort& host_;
};

}  // namespace vmm
