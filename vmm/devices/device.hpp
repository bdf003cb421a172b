/// What a device is: registers at offsets. It knows no KVM, no socket and no clock; interrupts and bytes are handed in,
/// so a test writes a register and counts interrupts.
///
/// Thread: every call is made under the Bus lock, mostly by a vCPU thread; host input enters under the same lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "vmm/base/state_stream.hpp"

namespace vmm {

/// An interrupt line. Called under the Bus lock; must not call back into the Bus.
class IrqLine {
 public:
  IrqLine() = default;
  explicit IrqLine(std::function<void(bool)> set) : set_(std::move(set)) {}
  void set(bool level) const {
    if (set_) set_(level);
  }

 private:
  std::function<void(bool)> set_;
};

/// The host's end of a byte device (a serial line). Implemented by Console, and by fakes in tests.
class HostPort {
 public:
  virtual ~HostPort() = default;
  /// Takes the bytes; never blocks for long and never loses any. Thread: any.
  virtual void write(std::span<const std::byte> bytes) = 0;
  /// False while the host is behind: a UART then shows its transmitter as busy. Thread: any.
  virtual bool ready() const = 0;
};

/// What the guest asks of the machine as a whole. The vCPU thread whose access caused it reports it as its stop.
struct MachineRequest {
  enum class Kind : std::uint8_t { kExit, kPowerOff, kReset };
  Kind kind = Kind::kPowerOff;
  std::uint8_t exit_code = 0;  ///< of kExit: the process exit status
};
using RequestSink = std::function<void(MachineRequest)>;

class Device {
 public:
  virtual ~Device() = default;
  virtual std::string_view name() const = 0;
  /// `offset` from the start of the device's range, `size` 1, 2, 4 or 8 bytes, never beyond its end. The guest may do
  /// anything here: an odd size or offset is answered as the hardware would, never an error of ours.
  virtual std::uint64_t read(std::uint64_t offset, unsigned size) = 0;
  virtual void write(std::uint64_t offset, unsigned size, std::uint64_t value) = 0;
  /// State for snapshots: save → load → save gives equal bytes.
  virtual void save(StateWriter& out) const = 0;
  virtual void load(StateReader& in) = 0;
};

}  // namespace vmm
