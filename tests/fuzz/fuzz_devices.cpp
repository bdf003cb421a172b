// A hostile guest and a busy host: any access to any port, input, a host that falls behind, snapshots in between.
// Nothing crashes, and a machine that loads the state of another saves the same bytes.
#include <cstdlib>
#include <memory>
#include <mutex>
#include <vector>

#include "vmm/base/errors.hpp"
#include "vmm/devices/absent.hpp"
#include "vmm/devices/bus.hpp"
#include "vmm/devices/cmos.hpp"
#include "vmm/devices/debug_console.hpp"
#include "vmm/devices/debug_exit.hpp"
#include "vmm/devices/i8042.hpp"
#include "vmm/devices/pm_timer.hpp"
#include "vmm/devices/power.hpp"
#include "vmm/devices/reset_control.hpp"
#include "vmm/devices/serial.hpp"

namespace {

using namespace vmm;

struct Host final : HostPort {
  void write(std::span<const std::byte>) override {}
  bool ready() const override { return is_ready; }
  bool is_ready = true;
};

struct Machine {
  Machine() {
    own<DebugConsole>(DebugConsole::kPort, DebugConsole::kPorts, host);
    own<DebugExit>(DebugExit::kPort, DebugExit::kPorts, sink);
    for (const auto& place : Power::kPlaces) own<Power>(place.port, Power::kPorts, place, sink);
    own<PowerEvents>(PowerEvents::kPort, PowerEvents::kPorts);
    own<PmTimer>(PmTimer::kPort, PmTimer::kPorts, [] { return std::uint64_t{0}; });
    own<I8042>(I8042::kPort, I8042::kPorts, IrqLine{}, sink);
    own<ResetControl>(ResetControl::kPort, ResetControl::kPorts, sink);
    own<FastA20>(FastA20::kPort, FastA20::kPorts, sink);
    own<Cmos>(Cmos::kPort, Cmos::kPorts, [] { return std::int64_t{0}; }, Cmos::MemorySize{1 << 30, 0});
    for (const auto& row : absent_ports()) own<Absent>(row.port, 1u, row);
    bus.add(Serial::kCom1Port, Serial::kPorts, serial);
  }
  template <typename T, typename... Args>
  void own(std::uint64_t port, std::uint64_t ports, Args&&... args) {
    devices.push_back(std::make_unique<T>(std::forward<Args>(args)...));
    bus.add(port, ports, *devices.back());
  }
  std::vector<std::byte> save() const {
    StateWriter out;
    for (const auto& device : devices) device->save(out);
    serial.save(out);
    return out.bytes();
  }
  void load(std::span<const std::byte> bytes) {
    StateReader in(bytes);
    for (const auto& device : devices) device->load(in);
    serial.load(in);
  }

  std::mutex lock;
  Bus bus{lock};
  Host host;
  RequestSink sink = [](MachineRequest) {};
  Serial serial{"COM1", host, IrqLine{}};
  std::vector<std::unique_ptr<Device>> devices;
};

void check(bool condition) {
  if (!condition) std::abort();
}

void check_state(const Machine& machine) {
  Machine other;
  other.host.is_ready = machine.host.is_ready;
  const auto bytes = machine.save();
  other.load(bytes);
  check(other.save() == bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Machine machine;
  std::size_t at = 0;
  const auto next = [&]() -> std::uint8_t { return at < size ? data[at++] : 0; };
  const auto rows = machine.bus.rows();
  while (at < size) {
    const auto what = next();
    const unsigned width = 1u << (what >> 6);
    const auto& row = rows[next() % rows.size()];
    const auto port = row.base + next() % (row.size + 4) - 2;
    switch (what & 7) {
      case 0:
      case 1:
      case 2: machine.bus.write(port, width, next() | std::uint64_t{next()} << 8); break;
      case 3:
      case 4: machine.bus.read(port, width); break;
      case 5: {
        const std::vector<std::byte> text(std::size_t{next()} * 8, std::byte{'x'});
        machine.serial.receive(text);
        break;
      }
      case 6:
        machine.host.is_ready = what & 8;
        if (machine.host.is_ready) machine.serial.host_ready();
        break;
      default: check_state(machine); break;
    }
  }
  check_state(machine);

  // A snapshot file is untrusted too: what it holds is refused, or taken; nothing else.
  auto damaged = machine.save();
  if (size >= 2) damaged[(data[0] | data[1] << 8) % damaged.size()] ^= std::byte{data[size - 1]};
  try {
    machine.load(damaged);
    for (const auto& row : rows) {
      for (std::uint64_t i = 0; i < row.size; ++i)
        machine.bus.write(row.base + i, 1, machine.bus.read(row.base + i, 1));
    }
  } catch (const HostError&) {
  }
  return 0;
}
