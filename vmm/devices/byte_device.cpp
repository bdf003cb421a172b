#include "vmm/devices/byte_device.hpp"

namespace vmm {

std::uint64_t ByteDevice::read(std::uint64_t offset, unsigned size) {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < size; ++i) value |= std::uint64_t{read_byte(offset + i)} << (8 * i);
  return value;
}

void ByteDevice::write(std::uint64_t offset, unsigned size, std::uint64_t value) {
  for (unsigned i = 0; i < size; ++i) write_byte(offset + i, static_cast<std::uint8_t>(value >> (8 * i)));
}

}  // namespace vmm
