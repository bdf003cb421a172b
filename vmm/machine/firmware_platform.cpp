#include "vmm/machine/firmware_platform.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "vmm/base/table_bytes.hpp"
#include "vmm/devices/serial.hpp"
#include "vmm/loader/acpi.hpp"
#include "vmm/loader/memory_map.hpp"
#include "vmm/loader/table_loader.hpp"

namespace vmm {
namespace {

using table::bytes_of;

// QEMU, include/standard-headers/linux/qemu_fw_cfg.h and hw/i386/fw_cfg.h.
enum Item : std::uint16_t {
  kRamSize = 0x03,
  kCpus = 0x05,
  kNuma = 0x0d,
  kBootMenu = 0x0e,
  kMostCpus = 0x0f,
  kIrq0Override = 0x8002,
};

/// RAM in whole, as firmware cuts its own areas out of it, and the pages of KVM below the ROM.
FwCfg::Bytes e820(const GuestMemory& memory) {
  FwCfg::Bytes rows;
  const auto add = [&](std::uint64_t base, std::uint64_t end, MemoryType type) {
    if (base < end) table::append(rows, E820Entry{base, end - base, type});
  };
  const std::uint64_t below_4g = std::min(memory.ram_size(), layout::kPciHole);
  add(0, below_4g, MemoryType::kUsable);
  add(layout::kIdentityMapForKvm, layout::kTssForKvm + layout::kTssForKvmSize, MemoryType::kReserved);
  add(layout::kAbove4G, layout::kAbove4G + memory.ram_size() - below_4g, MemoryType::kUsable);
  return rows;
}

/// A path of Open Firmware a line, with a NUL at the end (SeaBIOS, src/boot.c, loadBootOrder and
/// bootprio_find_mmio_device).
FwCfg::Bytes boot_order(std::span<const layout::VirtioSlot> disks) {
  std::string text;
  for (const auto& disk : disks) text += fmt::format("/virtio-mmio@{:016x}/disk@0,0\n", disk.base);
  const auto bytes = std::as_bytes(std::span(text.c_str(), text.size() + 1));
  return {bytes.begin(), bytes.end()};
}

}  // namespace

FwCfg::Contents firmware_contents(const GuestMemory& memory, unsigned cpus, std::span<const layout::VirtioSlot> virtio,
                                  std::span<const layout::VirtioSlot> first_disks,
                                  std::span<const std::byte> vga_bios) {
  FwCfg::Contents contents;
  contents.items = {
      {kRamSize, bytes_of(memory.ram_size())},
      {kCpus, bytes_of(static_cast<std::uint16_t>(cpus))},
      {kMostCpus, bytes_of(static_cast<std::uint16_t>(cpus))},
      {kNuma, bytes_of(std::uint64_t{0})},
      {kBootMenu, bytes_of(std::uint16_t{0})},
      // Whether ISA's line 0 is the IOAPIC's input 2, in the MP tables that SeaBIOS makes.
      {kIrq0Override, bytes_of(static_cast<std::uint8_t>(kTimerPin != 0))},
  };
  contents.files = {
      {"etc/e820", e820(memory)},
      {"etc/sercon-port", bytes_of(std::uint64_t{Serial::kCom1Port})},
      {"etc/boot-fail-wait", bytes_of(~std::uint32_t{0})},  // for ever: no loop of resets when nothing boots
  };
  // SeaBIOS, src/optionroms.c, vgarom_setup; it then shows both on this screen and on the serial line.
  if (!vga_bios.empty()) contents.files.push_back({"vgaroms/vgabios.bin", {vga_bios.begin(), vga_bios.end()}});
  if (!first_disks.empty()) contents.files.push_back({"bootorder", boot_order(first_disks)});
  for (auto& [name, bytes] : table_loader_files(acpi_tables(cpus, virtio))) {
    contents.files.push_back({std::move(name), std::move(bytes)});
  }
  return contents;
}

}  // namespace vmm
