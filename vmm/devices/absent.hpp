/// Status ports of devices that are not there. The Bus answers all-ones for what is absent, which is what a PC does and
/// what most probes look for; but a driver that does not probe would wait there for ever for a bit to become 0. At
/// these ports the answer is such that the usual waits end.
#pragma once

#include <array>
#include <span>

#include "vmm/devices/byte_device.hpp"

namespace vmm {

struct AbsentRow {
  std::uint16_t port;
  std::array<std::uint8_t, 2> values;  ///< given in turns, one a read: a wait for a bit's either value ends
  std::string_view name;
};
/// The table; each row's reason is beside it.
std::span<const AbsentRow> absent_ports();

/// One port of the table. Writes are swallowed.
class Absent final : public ByteDevice {
 public:
  explicit Absent(const AbsentRow& row) : row_(row) {}
  std::string_view name() const override { return row_.name; }
  void save(StateWriter& out) const override;
  void load(StateReader& in) override;

 protected:
  std::uint8_t read_byte(std::uint64_t) override;
  void write_byte(std::uint64_t, std::uint8_t) override {}

 private:
  const AbsentRow& row_;
  std::uint8_t next_ = 0;
};

}  // namespace vmm
