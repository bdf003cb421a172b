#include "vmm/devices/power.hpp"

namespace vmm {
namespace {

constexpr std::uint8_t kSleepEnable = 0x20;  // bit 13, in the second byte; always reads 0

constexpr std::uint8_t kAcpiMode = 0x01;  // SCI_EN

}  // namespace

std::uint8_t Power::read_byte(std::uint64_t offset) {
  if (offset >= kPorts) return 0xff;
  return offset == 0 ? bytes_[0] | kAcpiMode : bytes_[offset];
}

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

void PowerEvents::write_byte(std::uint64_t offset, std::uint8_t value) {
  constexpr std::uint64_t kEnable = 2;
  if (offset >= kEnable && offset < kPorts) bytes_[offset] = value;
}

void PowerEvents::save(StateWriter& out) const {
  out.tag("power events");
  out.put(bytes_);
}

void PowerEvents::load(StateReader& in) {
  in.tag("power events");
  bytes_ = in.get<decltype(bytes_)>();
}

}  // namespace vmm
