// A hostile guest at an IDE channel with two small disks: any access of any width to its ports, host errors and
// snapshots in between. Nothing crashes, nothing reaches beyond a disk's end, and state that was loaded is saved again.
#include <cstdlib>
#include <memory>
#include <mutex>

#include "tests/unit/vmm/devices/fake_disk.hpp"
#include "vmm/base/errors.hpp"
#include "vmm/devices/bus.hpp"
#include "vmm/devices/ide.hpp"

namespace {

using namespace vmm;

void check(bool condition) {
  if (!condition) std::abort();
}

/// Knows what a Disk may be asked for.
struct StrictDisk final : Disk {
  explicit StrictDisk(std::size_t sectors) : disk(sectors) {}
  std::uint64_t sectors() const override { return disk.sectors(); }
  bool read_only() const override { return disk.read_only(); }
  bool read(std::uint64_t sector, std::span<std::byte> bytes) override {
    check(trusted || (!bytes.empty() && disk.inside(sector, bytes.size())));
    return disk.read(sector, bytes);
  }
  bool write(std::uint64_t sector, std::span<const std::byte> bytes) override {
    check(trusted || (!bytes.empty() && disk.inside(sector, bytes.size()) && !disk.is_read_only));
    return disk.write(sector, bytes);
  }
  bool flush() override { return disk.flush(); }
  FakeDisk disk;
  bool trusted = false;  ///< after a damaged snapshot, only the disk itself guards its end
};

struct Machine {
  Machine() {
    bus.add(Ide::kPort, Ide::kPorts, ide);
    bus.add(Ide::kControlPort, 1, ide.control_block());
  }
  std::vector<std::byte> save() const {
    StateWriter out;
    ide.save(out);
    return out.bytes();
  }
  void load(std::span<const std::byte> bytes) {
    StateReader in(bytes);
    ide.load(in);
  }

  StrictDisk first{40};
  StrictDisk second{5};
  Ide ide{IrqLine{}, first, &second};
  std::mutex lock;
  Bus bus{lock};
};

struct Input {
  const std::uint8_t* data;
  std::size_t size;
  std::size_t at = 0;
  std::uint8_t next() { return at < size ? data[at++] : 0; }
};

void access(Machine& machine, Input& input) {
  const auto what = input.next();
  const unsigned width = 1u << (what >> 6);
  const std::uint64_t port = what & 8 ? Ide::kControlPort - 2 + (input.next() & 3) : Ide::kPort + (what & 7);
  switch (what >> 4 & 3) {
    case 0: machine.bus.read(port, width); break;
    case 1: {  // a string instruction
      const unsigned count = 16u * input.next();
      for (unsigned i = 0; i < count; ++i) {
        what & 8 ? machine.bus.write(Ide::kPort, width, 0x5a5a5a5a) : void(machine.bus.read(Ide::kPort, width));
      }
      break;
    }
    default: machine.bus.write(port, width, input.next() * 0x0101u); break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto machine = std::make_unique<Machine>();
  Input input{data, size};
  const auto flags = input.next();
  machine->second.disk.is_read_only = flags & 1;
  while (input.at < size) {
    access(*machine, input);
    if (flags & 2) machine->first.disk.broken = input.next() & 0x80;
  }
  const auto bytes = machine->save();
  auto other = std::make_unique<Machine>();
  other->load(bytes);
  check(other->save() == bytes);

  auto damaged = bytes;
  for (std::size_t i = 0; i + 1 < size && i < 32; i += 2) damaged[data[i] % 40] ^= std::byte{data[i + 1]};
  other->first.trusted = other->second.trusted = true;
  try {
    other->load(damaged);
    input.at = 0;
    while (input.at < size) access(*other, input);
  } catch (const HostError&) {
  }
  return 0;
}
