/// Port 0x402: firmware's own messages, a line at a time into the log (`--log-level info`). Reading gives 0xe9, by
/// which firmware knows that somebody listens. Source: QEMU's isa-debugcon; SeaBIOS, src/fw/paravirt.h.
#pragma once

#include <functional>
#include <string>

#include "vmm/devices/byte_device.hpp"

namespace vmm {

class FirmwareLog final : public ByteDevice {
 public:
  static constexpr std::uint16_t kPort = 0x402;
  static constexpr std::uint16_t kPorts = 1;
  static constexpr std::size_t kMostLine = 200;

  /// Printable ASCII, without its line end.
  using Sink = std::function<void(const std::string&)>;

  explicit FirmwareLog(Sink sink) : sink_(std::move(sink)) {}
  std::string_view name() const override { return "firmware log"; }
  void save(StateWriter& out) const override;
  void load(StateReader& in) override;

 protected:
  std::uint8_t read_byte(std::uint64_t) override { return 0xe9; }
  void write_byte(std::uint64_t, std::uint8_t value) override;

 private:
  Sink sink_;
  std::string line_;
};

}  // namespace vmm
