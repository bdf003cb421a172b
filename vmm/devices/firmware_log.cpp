#include "vmm/devices/firmware_log.hpp"

#include <utility>

#include "vmm/base/errors.hpp"

namespace vmm {

void FirmwareLog::write_byte(std::uint64_t, std::uint8_t value) {
  const bool printable = value >= 0x20 && value < 0x7f;
  if (printable || value == '\t') line_ += printable ? static_cast<char>(value) : ' ';
  if ((value == '\n' && !line_.empty()) || line_.size() >= kMostLine) sink_(std::exchange(line_, {}));
}

void FirmwareLog::save(StateWriter& out) const {
  out.tag("firmware log");
  out.put_bytes(std::as_bytes(std::span(line_)));
}

void FirmwareLog::load(StateReader& in) {
  in.tag("firmware log");
  const auto line = in.get_bytes();
  if (line.size() >= kMostLine) throw HostError("the snapshot is damaged: the firmware's log line");
  line_.assign(reinterpret_cast<const char*>(line.data()), line.size());
}

}  // namespace vmm
