/// A device on the 8-bit ISA bus: a wider access is that many byte accesses in address order, lowest first.
#pragma once

#include <cstdint>

#include "vmm/devices/device.hpp"

namespace vmm {

class ByteDevice : public Device {
 public:
  std::uint64_t read(std::uint64_t offset, unsigned size) final;
  void write(std::uint64_t offset, unsigned size, std::uint64_t value) final;

 protected:
  virtual std::uint8_t read_byte(std::uint64_t offset) = 0;
  virtual void write_byte(std::uint64_t offset, std::uint8_t value) = 0;
};

}  // namespace vmm
