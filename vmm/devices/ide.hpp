/// The first IDE channel of a PC with one or two ATA disks: programmed I/O only, LBA28 and CHS.
/// Sources: ATA/ATAPI-5 (T13 1321D), "PIO data-in" and "PIO data-out" for when DRQ and INTRQ come. Where that leaves a
/// choice, as QEMU has it; the drivers of SeaBIOS (src/hw/ata.c), Linux (libata-sff.c) and xv6 (ide.c) live with it.
///
/// A command is done when its register write returns: BSY shows during a software reset only.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "vmm/devices/device.hpp"
#include "vmm/devices/disk.hpp"

namespace vmm {

class Ide final : public Device {
 public:
  static constexpr std::uint16_t kPort = 0x1f0;  ///< the command block
  static constexpr std::uint16_t kPorts = 8;
  static constexpr std::uint16_t kControlPort = 0x3f6;  ///< the control block: one port
  static constexpr unsigned kIrq = 14;
  static constexpr std::uint64_t kMostSectors = 0x0fff'ffff;  ///< what LBA28 reaches: 128 GiB
  static constexpr std::size_t kMostDrives = 2;
  static constexpr unsigned kMostMultiple = 16;  ///< sectors in a DRQ block of READ and WRITE MULTIPLE

  /// The disks outlive it, and have at most kMostSectors; `second` may be null.
  Ide(IrqLine irq, Disk& first, Disk* second);
  std::string_view name() const override { return "IDE channel 1"; }
  std::uint64_t read(std::uint64_t offset, unsigned size) override;
  void write(std::uint64_t offset, unsigned size, std::uint64_t value) override;
  /// Both blocks' state.
  void save(StateWriter& out) const override;
  void load(StateReader& in) override;

  /// What lies at kControlPort.
  Device& control_block() { return control_; }

 private:
  class ControlBlock final : public Device {
   public:
    explicit ControlBlock(Ide& ide) : ide_(ide) {}
    std::string_view name() const override { return "IDE channel 1 control"; }
    std::uint64_t read(std::uint64_t, unsigned) override { return ide_.status(); }
    void write(std::uint64_t, unsigned, std::uint64_t value) override {
      ide_.write_control(static_cast<std::uint8_t>(value));
    }
    void save(StateWriter&) const override {}
    void load(StateReader&) override {}

   private:
    Ide& ide_;
  };

  /// What the host writes; each drive has its own, and writes go to both.
  struct TaskFile {
    std::uint8_t features = 0;
    std::uint8_t count = 1;
    std::array<std::uint8_t, 3> lba = {1, 0, 0};  ///< or sector, cylinder low and high
    std::uint8_t device = 0xa0;
  };
  enum class Transfer : std::uint8_t { kNone, kIdentify, kRead, kWrite };
  /// Saved as it is: no padding.
  struct Registers {
    TaskFile task;
    std::uint8_t status = 0;
    std::uint8_t error = 0;
    std::uint8_t multiple = kMostMultiple;  ///< 0: off
    std::uint8_t heads = 16;
    std::uint8_t track_sectors = 63;
    Transfer transfer = Transfer::kNone;
    std::uint32_t sector = 0;  ///< the first of the block in the buffer
    std::uint32_t left = 0;    ///< sectors of the command from there on
    std::uint16_t block = 1;   ///< sectors in a whole block
    std::uint16_t at = 0;      ///< bytes of the buffer's block that were moved
    std::uint16_t size = 0;    ///< bytes of the block
    std::uint16_t unused = 0;
  };
  struct Drive {
    Disk* disk = nullptr;
    Registers regs = {};
    std::array<std::byte, kMostMultiple * Disk::kSectorSize> buffer = {};
  };
  struct CommandRow;
  static std::span<const CommandRow> commands();

  Drive& selected();
  const Drive& selected() const;
  std::uint8_t status() const;
  std::uint8_t read_register(std::uint64_t offset);
  void write_register(std::uint64_t offset, std::uint8_t value);
  void write_control(std::uint8_t value);
  std::uint64_t read_data(unsigned size);
  void write_data(unsigned size, std::uint64_t value);

  void command(std::uint8_t value);
  void nothing(Drive& drive);
  void diagnose(Drive& drive);
  void identify(Drive& drive);
  void identify_packet(Drive& drive);
  void read_sectors(Drive& drive);
  void read_multiple(Drive& drive);
  void write_sectors(Drive& drive);
  void write_multiple(Drive& drive);
  void verify(Drive& drive);
  void seek(Drive& drive);
  void set_multiple(Drive& drive);
  void set_geometry(Drive& drive);
  void set_features(Drive& drive);
  void read_native_max(Drive& drive);
  void check_power_mode(Drive& drive);
  void flush(Drive& drive);

  bool locate(Drive& drive, std::uint32_t count);
  void start_read(Drive& drive, unsigned block);
  void start_write(Drive& drive, unsigned block);
  void next_read_block(Drive& drive);
  void offer_block(Drive& drive, std::size_t size);
  void block_moved(Drive& drive);
  void block_written(Drive& drive);
  void succeed(Drive& drive);
  void fail(Drive& drive, std::uint8_t error, std::uint8_t more_status = 0);
  void reset_drives();
  void interrupt();
  void update_irq();

  IrqLine irq_;
  ControlBlock control_{*this};
  std::array<Drive, kMostDrives> drives_;
  std::uint8_t control_register_ = 0;
  std::uint8_t interrupt_pending_ = 0;
};

}  // namespace vmm
