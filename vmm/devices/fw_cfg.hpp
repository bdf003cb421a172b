/// QEMU's firmware configuration: what firmware asks of the machine it runs on, as numbered items and named files, read
/// byte by byte or by DMA. All is read-only. Source: QEMU, docs/specs/fw_cfg.rst.
///
/// Addresses and lengths of the DMA are the guest's: it writes guest memory only, at most kMostDma bytes an order.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "vmm/devices/device.hpp"
#include "vmm/memory/device_memory.hpp"

namespace vmm {

class FwCfg final : public Device {
 public:
  static constexpr std::uint16_t kPort = 0x510;  // 0x510 selector, 0x511 data, 0x514 DMA address, big endian
  static constexpr std::uint16_t kPorts = 12;
  static constexpr std::uint32_t kMostDma = 16 << 20;

  using Bytes = std::vector<std::byte>;
  struct File {
    std::string name;  ///< up to 55 characters
    Bytes bytes;
  };
  struct Contents {
    std::map<std::uint16_t, Bytes>
        items;  ///< by number; the signature, the id and the file directory come by themselves
    std::vector<File> files;
  };

  /// `memory` outlives it.
  FwCfg(DeviceMemory& memory, Contents contents);
  std::string_view name() const override { return "firmware configuration (fw_cfg)"; }
  std::uint64_t read(std::uint64_t offset, unsigned size) override;
  void write(std::uint64_t offset, unsigned size, std::uint64_t value) override;
  void save(StateWriter& out) const override;
  void load(StateReader& in) override;

 private:
  struct Registers {
    std::uint32_t at = 0;  ///< the next byte of the item
    std::uint32_t dma_high = 0;
    std::uint16_t selected = 0;
  };

  void select(std::uint16_t item);
  /// The next bytes of the selected item, up to `most`; the item moves on by as much as was asked for.
  std::span<const std::byte> take(std::uint32_t most);
  void dma(std::uint64_t address);
  bool transfer(std::uint64_t address, std::uint32_t length);

  DeviceMemory& memory_;
  std::map<std::uint16_t, Bytes> items_;
  Registers regs_;
};

}  // namespace vmm
