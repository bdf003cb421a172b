/// A guest's driver, as small as can be: it sets a device up by its registers and lays descriptors into a guest's
/// memory.
#pragma once

#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/vmm/devices/device_test.hpp"
#include "vmm/devices/virtio/mmio.hpp"
#include "vmm/memory/device_memory.hpp"
#include "vmm/memory/guest_memory.hpp"
#include "vmm/memory/layout.hpp"

namespace vmm::virtio {

/// 1 MiB, a ROM, and who has written to them.
struct Guest {
  GuestMemory ram{layout::kMiB, layout::kRomGranule};
  PlantedBytes planted{ram};
  std::vector<std::pair<std::uint64_t, std::size_t>> dma;
  DeviceMemory memory{ram, planted,
                      [this](std::uint64_t address, std::size_t size) { dma.emplace_back(address, size); }};
  FakeIrq irq;

  void poke(std::uint64_t address, std::string_view text) { ram.write(address, std::as_bytes(std::span(text))); }
  std::string peek(std::uint64_t address, std::size_t size) const {
    std::string text(size, '\0');
    ram.read(address, std::as_writable_bytes(std::span(text)));
    return text;
  }
};

enum Flag : std::uint16_t { kNextFlag = 1, kWriteFlag = 2, kIndirectFlag = 4 };
constexpr std::uint64_t kVersion1Bit = 1ull << 32;
constexpr std::uint64_t kEventIndexBit = 1ull << 29;

struct Driver {
  struct Descriptor {
    std::uint64_t address;
    std::uint32_t length;
    std::uint16_t flags;
    std::uint16_t next = 0;
  };
  static constexpr unsigned kSize = 8;

  Driver(Guest& of, Device& driven) : guest(of), device(driven) {}

  std::uint32_t reg(std::uint64_t offset) { return static_cast<std::uint32_t>(device.read(offset, 4)); }
  void set(std::uint64_t offset, std::uint32_t value) { device.write(offset, 4, value); }
  std::uint32_t status() { return reg(0x70); }
  bool needs_reset() { return status() & 0x40; }

  /// Each queue has a page for descriptors, and behind it the rings.
  static std::uint64_t table(unsigned queue) { return 0x10000 + queue * 0x2000ull; }
  static std::uint64_t available(unsigned queue) { return table(queue) + 0x1000; }
  static std::uint64_t used(unsigned queue) { return table(queue) + 0x1800; }

  void negotiate(std::uint64_t features) {
    set(0x70, 0);
    set(0x70, 1);
    set(0x70, 3);
    for (unsigned half = 0; half < 2; ++half) {
      set(0x24, half);
      set(0x20, static_cast<std::uint32_t>(features >> (32 * half)));
    }
    set(0x70, 0xb);
  }
  void set_queue(unsigned queue, std::uint32_t size = kSize) {
    set(0x30, queue);
    set(0x38, size);
    set(0x80, static_cast<std::uint32_t>(table(queue)));
    set(0x90, static_cast<std::uint32_t>(available(queue)));
    set(0xa0, static_cast<std::uint32_t>(used(queue)));
    set(0x44, 1);
  }
  /// From reset to DRIVER_OK.
  void start(unsigned queues, std::uint64_t features = 0) {
    negotiate(features | kVersion1Bit);
    REQUIRE((status() & 8));
    for (unsigned i = 0; i < queues; ++i) set_queue(i);
    set(0x70, 0xf);
    event_index = features & kEventIndexBit;
    REQUIRE(status() == 0xf);
  }

  void lay(std::uint64_t at, const Descriptor& row) { guest.ram.store(at, row); }
  /// Makes descriptors from `head` on a chain of these.
  void lay_chain(unsigned queue, std::uint16_t head, std::vector<Descriptor> rows) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (i + 1 < rows.size()) rows[i].flags |= kNextFlag;
      rows[i].next = static_cast<std::uint16_t>(head + i + 1);
      lay(table(queue) + 16 * (head + i), rows[i]);
    }
  }
  void offer(unsigned queue, std::uint16_t head) {
    const auto index = guest.ram.load<std::uint16_t>(available(queue) + 2).value();
    guest.ram.store(available(queue) + 4 + 2 * (index % kSize), head);
    guest.ram.store(available(queue) + 2, static_cast<std::uint16_t>(index + 1));
  }
  void notify(unsigned queue) { set(0x50, queue); }
  void send(unsigned queue, std::uint16_t head, std::vector<Descriptor> rows) {
    lay_chain(queue, head, std::move(rows));
    offer(queue, head);
    notify(queue);
  }
  std::uint16_t used_index(unsigned queue) const { return guest.ram.load<std::uint16_t>(used(queue) + 2).value(); }
  struct Used {
    std::uint32_t id;
    std::uint32_t length;
    bool operator==(const Used&) const = default;
  };
  Used used_row(unsigned queue, unsigned index) const {
    return guest.ram.load<Used>(used(queue) + 4 + 8 * (index % kSize)).value();
  }

  Guest& guest;
  Device& device;
  bool event_index = false;
};

}  // namespace vmm::virtio
