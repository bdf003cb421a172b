// A hostile driver: any register of each virtio device, any bytes in the memory where its queues and buffers are, and a
// host that sends at any time. Nothing crashes or takes long, and a device that loads the state of another saves the
// same.
#include <cstdlib>
#include <memory>
#include <vector>

#include "tests/fuzz/guest_input.hpp"
#include "vmm/base/errors.hpp"
#include "vmm/devices/virtio/block.hpp"
#include "vmm/devices/virtio/console.hpp"
#include "vmm/devices/virtio/net.hpp"
#include "vmm/devices/virtio/random.hpp"

namespace {

using namespace vmm;

struct Host final : HostPort, NetPort {
  void write(std::span<const std::byte>) override {}
  bool ready() const override { return is_ready; }
  void send(std::span<const std::byte> frame) override {
    if (frame.size() > NetPort::kMaxFrame) std::abort();
  }
  bool is_ready = true;
};

struct SmallDisk final : Disk {
  static constexpr std::uint64_t kSectors = 16;
  std::uint64_t sectors() const override { return kSectors; }
  bool read_only() const override { return false; }
  bool read(std::uint64_t sector, std::span<std::byte> bytes) override { return inside(sector, bytes.size()); }
  bool write(std::uint64_t sector, std::span<const std::byte> bytes) override { return inside(sector, bytes.size()); }
  bool flush() override { return true; }
  static bool inside(std::uint64_t sector, std::uint64_t bytes) {
    if (bytes % kSectorSize != 0 || sector > kSectors || bytes / kSectorSize > kSectors - sector) std::abort();
    return true;
  }
};

struct Devices {
  explicit Devices(DeviceMemory& memory)
      : block(disk, "fuzz", memory, IrqLine{}),
        console(host, {}, memory, IrqLine{}),
        random([](auto) {}, memory, IrqLine{}),
        net(host, {}, {}, memory, IrqLine{}) {}
  SmallDisk disk;
  Host host;
  virtio::Block block;
  virtio::Console console;
  virtio::Random random;
  virtio::Net net;
  std::vector<Device*> all{&block, &console, &random, &net};
};

std::vector<std::byte> save(const Devices& devices) {
  StateWriter out;
  for (const Device* device : devices.all) device->save(out);
  return out.bytes();
}

void load(Devices& devices, std::span<const std::byte> bytes) {
  StateReader in(bytes);
  for (Device* device : devices.all) device->load(in);
}

void check_state(const Devices& devices, DeviceMemory& memory) {
  Devices other(memory);
  const auto bytes = save(devices);
  load(other, bytes);
  if (save(other) != bytes) std::abort();
}

/// From reset to DRIVER_OK with all of its queues, so that an input need not find that out.
void start(Device& device, bool event_index) {
  const auto set = [&](std::uint64_t offset, std::uint32_t value) { device.write(offset, 4, value); };
  set(0x70, 0);
  set(0x24, 1);
  set(0x20, 1);
  set(0x24, 0);
  set(0x20, event_index ? 1u << 29 : 0);
  set(0x70, 0xb);
  for (std::uint32_t queue = 0; queue < 2; ++queue) {
    set(0x30, queue);
    set(0x38, 8);
    set(0x80, queue * 0x200);
    set(0x90, queue * 0x200 + 0x80);
    set(0xa0, queue * 0x200 + 0xc0);
    set(0x44, 1);
  }
  set(0x70, 0xf);
}

}  // namespace

/// The first kilobyte of the input is memory from address 0 on: two queues and small buffers; then come commands.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kMemory = 1024;
  const std::span input(data, size);
  GuestMemory& ram = memory_with(input.first(std::min(size, kMemory)));
  PlantedBytes planted(ram);
  planted.plant(0x410, std::byte{0xcc});
  DeviceMemory memory(ram, planted, [](std::uint64_t, std::size_t) {});
  Devices devices(memory);
  std::size_t at = std::min(size, kMemory);
  const auto next = [&]() -> std::uint8_t { return at < size ? data[at++] : 0; };
  for (unsigned commands = 0; at < size && commands < 200; ++commands) {
    const std::uint8_t what = next();
    Device& device = *devices.all[what >> 6];
    switch (what & 15) {
      case 0:
      case 1: start(device, what & 16); break;
      case 2:
      case 3:
      case 4: device.write(0x50, 4, next()); break;
      case 5:
      case 6: device.write(next() * 4u, 4, next() | next() << 8 | next() << 16); break;
      case 7: device.write(next() * 16u, 1u << (next() & 3), next()); break;
      case 8: device.read(next() * 4u, 1u << (next() & 3)); break;
      case 9: {
        const std::vector<std::byte> frame(next() * 8u);
        devices.net.receive(frame);
        break;
      }
      case 10: {
        const std::vector<std::byte> typed(next() * 4u);
        if (devices.console.accepting()) devices.console.receive(typed);
        devices.console.work();
        break;
      }
      case 11: devices.host.is_ready = what & 16; break;
      case 12:
      case 13: ram.store<std::uint8_t>((next() << 8 | next()) % 0x500u, next()); break;
      case 14: ram.store<std::uint16_t>((what & 32 ? 0x200u : 0u) + 0x82, next()); break;  // the available index
      default: check_state(devices, memory); break;
    }
  }
  check_state(devices, memory);

  // A snapshot is untrusted, too.
  auto damaged = save(devices);
  if (size >= 3) damaged[(data[0] | data[1] << 8) % damaged.size()] ^= std::byte{data[size - 1]};
  try {
    load(devices, damaged);
    for (Device* device : devices.all) device->write(0x50, 4, 0);
  } catch (const HostError&) {
  }
  return 0;
}
