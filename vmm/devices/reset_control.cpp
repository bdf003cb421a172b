#include "vmm/devices/reset_control.hpp"

namespace vmm {
namespace {

constexpr std::uint64_t kResetOffset = 1;
constexpr std::uint8_t kSystemReset = 0x02;  // which kind …
constexpr std::uint8_t kResetCpu = 0x04;     // … and, going from 0 to 1: now
constexpr std::uint8_t kFullReset = 0x08;

constexpr std::uint8_t kFastReset = 0x01;

}  // namespace

std::uint64_t ResetControl::read(std::uint64_t offset, unsigned size) {
  return offset == kResetOffset && size == 1 ? value_ : ~0ull;
}

/// A reset without bit 1 ("soft", the CPU alone: INIT) is a reset of the machine too: it has nothing that survives one.
void ResetControl::write(std::uint64_t offset, unsigned size, std::uint64_t value) {
  if (offset != kResetOffset || size != 1) return;
  const bool rises = ~value_ & value & kResetCpu;
  value_ = static_cast<std::uint8_t>(value & (kSystemReset | kResetCpu | kFullReset));
  if (rises) request_({.kind = MachineRequest::Kind::kReset});
}

void ResetControl::save(StateWriter& out) const {
  out.tag("reset control");
  out.put(value_);
}

void ResetControl::load(StateReader& in) {
  in.tag("reset control");
  value_ = in.get<std::uint8_t>();
}

void FastA20::write_byte(std::uint64_t, std::uint8_t value) {
  const bool rises = ~value_ & value & kFastReset;
  value_ = value;
  if (rises) request_({.kind = MachineRequest::Kind::kReset});
}

void FastA20::save(StateWriter& out) const {
  out.tag("fast A20");
  out.put(value_);
}

void FastA20::load(StateReader& in) {
  in.tag("fast A20");
  value_ = in.get<std::uint8_t>();
}

}  // namespace vmm
