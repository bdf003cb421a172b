#include "vmm/devices/power.hpp"

namespace vmm {
namespace {

constexpr std::uint8_t kSleepEnable = 0x20;  // bit 13, in the second byte; always reads 0

}  // namespace

void Power::write_byte(std::uint64_t offset, std::uint8_t value) {
  if (offset == 1 && (value & kSleepEnable)) request_({.kind = MachineRequest::Kind::kPowerOff});
  if (offset < kPorts) bytes_[offset] = offset == 1 ? value & ~kSleepEnable : value;
}

void Power::save(StateWriter& out) const {
  out.tag("power");
  out.put(bytes_);
}

void Power::load(StateReader& in) {
  in.tag("power");
  bytes_ = in.get<decltype(bytes_)>();
}

}  // namespace vmm
