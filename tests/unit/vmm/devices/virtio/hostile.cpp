/// Every kind of device, each of its queues: what a driver must not do is an error that it sees, and nothing is
/// written.
#include "tests/unit/vmm/devices/fake_disk.hpp"
#include "tests/unit/vmm/devices/virtio/driver.hpp"
#include "vmm/devices/virtio/block.hpp"
#include "vmm/devices/virtio/console.hpp"
#include "vmm/devices/virtio/net.hpp"
#include "vmm/devices/virtio/random.hpp"

namespace vmm::virtio {
namespace {

struct NoNetwork final : NetPort {
  void send(std::span<const std::byte>) override { ++frames; }
  unsigned frames = 0;
};

struct All : Guest {
  FakeDisk disk{8};
  FakeHost host;
  NoNetwork network;
  Block block{disk, "the-serial", memory, irq.line()};
  Console console{host, {}, memory, irq.line()};
  Random random{[](std::span<std::byte> bytes) { std::ranges::fill(bytes, std::byte{7}); }, memory, irq.line()};
  Net net{network, {}, {}, memory, irq.line()};

  struct Row {
    const char* name;
    MmioDevice& device;
    unsigned queues;
    unsigned queue;
    std::uint16_t flags;  ///< of a buffer that belongs into this queue
  };
  std::vector<Row> rows{{"block", block, 1, 0, 0},
                        {"console, to the guest", console, 2, 0, kWriteFlag},
                        {"console, from the guest", console, 2, 1, 0},
                        {"entropy", random, 1, 0, kWriteFlag},
                        {"network, to the guest", net, 2, 0, kWriteFlag},
                        {"network, from the guest", net, 2, 1, 0}};

  /// What comes from outside, if the device waits for it.
  void feed() {
    const std::string_view text = "from outside";
    console.receive(std::as_bytes(std::span(text)));
    console.work();
    net.receive(std::as_bytes(std::span(text)));
  }
};

/// Each lays what can't be at head 0.
struct Mistake {
  const char* name;
  void (*lay)(Driver& driver, unsigned queue, std::uint16_t flags);
};
constexpr Mistake kMistakes[] = {
    {"a circle",
     [](Driver& driver, unsigned queue, std::uint16_t flags) {
       driver.lay(Driver::table(queue), {0x5000, 1, static_cast<std::uint16_t>(flags | kNextFlag), 0});
     }},
    {"a buffer outside memory",
     [](Driver& driver, unsigned queue, std::uint16_t flags) {
       driver.lay(Driver::table(queue), {layout::kMiB - 4, 4096, flags});
     }},
    {"a buffer that wraps around",
     [](Driver& driver, unsigned queue, std::uint16_t flags) {
       driver.lay(Driver::table(queue), {~0ull - 7, 4096, flags});
     }},
    {"a link beyond the table",
     [](Driver& driver, unsigned queue, std::uint16_t flags) {
       driver.lay(Driver::table(queue), {0x5000, 1, static_cast<std::uint16_t>(flags | kNextFlag), Driver::kSize});
     }},
    {"an indirect table outside memory",
     [](Driver& driver, unsigned queue, std::uint16_t) {
       driver.lay(Driver::table(queue), {layout::kMiB, 64, kIndirectFlag});
     }},
};

}  // namespace

TEST_CASE("every kind of virtio device tells a driver that breaks the rules to reset it") {
  for (std::size_t i = 0; i < All().rows.size(); ++i) {
    for (const Mistake& mistake : kMistakes) {
      All guest;
      const All::Row& row = guest.rows[i];
      CAPTURE(row.name, mistake.name);
      Driver driver(guest, row.device);
      driver.start(row.queues);
      mistake.lay(driver, row.queue, row.flags);
      driver.offer(row.queue, 0);
      driver.notify(row.queue);
      guest.feed();
      CHECK(driver.needs_reset());
      CHECK(driver.reg(0x60) == 2);
      CHECK(guest.irq.level);
      CHECK(guest.dma.empty());
      CHECK(guest.host.text.empty());
      CHECK(guest.network.frames == 0);

      driver.set(0x70, 0);
      CHECK(driver.status() == 0);
      CHECK_FALSE(guest.irq.level);
    }
  }
}

}  // namespace vmm::virtio
