// A hostile guest at the firmware's configuration: any access, orders of DMA from memory that it fills itself. Nothing
// crashes, no order takes long, and a device that loads the state of another saves the same bytes.
#include <cstdlib>

#include "tests/fuzz/guest_input.hpp"
#include "vmm/devices/firmware_log.hpp"
#include "vmm/devices/fw_cfg.hpp"

namespace {

using namespace vmm;

FwCfg::Contents contents() {
  return {.items = {{0x05, FwCfg::Bytes(2)}}, .files = {{"etc/file", FwCfg::Bytes(5000)}, {"empty", {}}}};
}

void check_state(const Device& from, Device& to) {
  StateWriter first;
  from.save(first);
  StateReader in(first.bytes());
  to.load(in);
  StateWriter second;
  to.save(second);
  if (first.bytes() != second.bytes()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  GuestMemory& memory = memory_with({data, size});
  PlantedBytes planted(memory);
  planted.plant(0, std::byte{0xcc});
  DeviceMemory device_memory(memory, planted);
  FwCfg device(device_memory, contents());
  FirmwareLog log([](const std::string& line) {
    if (line.size() > FirmwareLog::kMostLine) std::abort();
  });
  std::size_t at = 0;
  const auto next = [&]() -> std::uint8_t { return at < size ? data[at++] : 0; };
  while (at < size) {
    const std::uint8_t what = next();
    const std::uint64_t offset = what % FwCfg::kPorts;
    const unsigned width = 1u << (what >> 4 & 1) << (what >> 4 & 2 ? 1 : 0);
    if (offset + width > FwCfg::kPorts) continue;
    std::uint64_t value = 0;
    for (unsigned i = 0; i < width; ++i) value = value << 8 | next();
    switch (what >> 6) {
      case 0: device.read(offset, width); break;
      case 1: log.write(0, width, value); break;
      default: device.write(offset, width, value); break;
    }
  }
  FwCfg other(device_memory, contents());
  check_state(device, other);
  FirmwareLog other_log([](const std::string&) {});
  check_state(log, other_log);
  return 0;
}
