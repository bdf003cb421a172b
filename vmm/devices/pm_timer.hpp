/// ACPI's power management timer (ACPI 6.5, 4.8.3.3): a 32-bit counter of 3.579545 MHz that is only read. The clock is
/// the guest's, which stands while the guest does; so there is no state of its own. It raises no interrupt when its
/// highest bit changes: nothing that runs on a VM asks for it.
#pragma once

#include <functional>

#include "vmm/devices/device.hpp"

namespace vmm {

class PmTimer final : public Device {
 public:
  static constexpr std::uint16_t kPort = 0x608;
  static constexpr std::uint16_t kPorts = 4;
  static constexpr std::uint64_t kHertz = 3579545;

  /// Nanoseconds, from any start; never goes back.
  using Clock = std::function<std::uint64_t()>;
  explicit PmTimer(Clock clock) : clock_(std::move(clock)) {}
  std::string_view name() const override { return "ACPI timer"; }
  std::uint64_t read(std::uint64_t offset, unsigned size) override;
  void write(std::uint64_t, unsigned, std::uint64_t) override {}
  void save(StateWriter& out) const override { out.tag("pm timer"); }
  void load(StateReader& in) override { in.tag("pm timer"); }

 private:
  Clock clock_;
};

}  // namespace vmm
