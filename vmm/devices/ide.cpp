#include "vmm/devices/ide.hpp"

#include <algorithm>
#include <utility>

#include "vmm/base/errors.hpp"
#include "vmm/devices/ide_identify.hpp"

namespace vmm {
namespace {

enum Offset : std::uint8_t { kData, kErrorOrFeatures, kCount, kLba0, kLba1, kLba2, kDevice, kStatusOrCommand };
enum Status : std::uint8_t {
  kErr = 0x01,
  kDrq = 0x08,
  kDsc = 0x10,
  kDf = 0x20,
  kDrdy = 0x40,
  kBsy = 0x80,
};
enum Error : std::uint8_t { kAbrt = 0x04, kIdnf = 0x10, kWp = 0x40, kUnc = 0x40 };
enum DeviceRegister : std::uint8_t { kHeadBits = 0x0f, kSecond = 0x10, kLbaMode = 0x40, kAlwaysSet = 0xa0 };
enum Control : std::uint8_t { kNoInterrupt = 0x02, kSoftReset = 0x04 };

constexpr std::uint8_t kReady = kDrdy | kDsc;
constexpr std::uint8_t kPassed = 0x01;  // of the diagnostic, in the error register
constexpr std::uint8_t kDiagnostic = 0x90;

}  // namespace

struct Ide::CommandRow {
  std::uint8_t first;
  std::uint8_t last;
  void (Ide::*run)(Drive&);
};

/// What is not here is aborted: DMA, LBA48, packets, DEVICE RESET, NOP.
std::span<const Ide::CommandRow> Ide::commands() {
  static constexpr CommandRow kRows[] = {
      {0x10, 0x1f, &Ide::nothing},  // RECALIBRATE
      {0x20, 0x21, &Ide::read_sectors},
      {0x30, 0x31, &Ide::write_sectors},
      {0x40, 0x41, &Ide::verify},
      {0x70, 0x7f, &Ide::seek},
      {kDiagnostic, kDiagnostic, &Ide::diagnose},
      {0x91, 0x91, &Ide::set_geometry},
      {0xa1, 0xa1, &Ide::identify_packet},
      {0xc4, 0xc4, &Ide::read_multiple},
      {0xc5, 0xc5, &Ide::write_multiple},
      {0xc6, 0xc6, &Ide::set_multiple},
      {0xe0, 0xe3, &Ide::nothing},  // STANDBY and IDLE
      {0xe5, 0xe5, &Ide::check_power_mode},
      {0xe6, 0xe6, &Ide::nothing},  // SLEEP
      {0xe7, 0xe7, &Ide::flush},
      {0xec, 0xec, &Ide::identify},
      {0xef, 0xef, &Ide::set_features},
      {0xf8, 0xf8, &Ide::read_native_max},
  };
  return kRows;
}

Ide::Ide(IrqLine irq, Disk& first, Disk* second) : irq_(std::move(irq)) {
  VMM_CHECK(first.sectors() <= kMostSectors && (second == nullptr || second->sectors() <= kMostSectors));
  drives_[0].disk = &first;
  drives_[1].disk = second;
  reset_drives();
}

Ide::Drive& Ide::selected() { return drives_[(drives_[0].regs.task.device & kSecond) != 0]; }
const Ide::Drive& Ide::selected() const { return drives_[(drives_[0].regs.task.device & kSecond) != 0]; }

/// For an absent second drive the first one answers, with 0 here and in the error register.
std::uint8_t Ide::status() const {
  if (control_register_ & kSoftReset) return kBsy;
  return selected().disk != nullptr ? selected().regs.status : 0;
}

std::uint64_t Ide::read(std::uint64_t offset, unsigned size) {
  if (offset == kData) return read_data(size);
  std::uint64_t value = 0;
  for (unsigned i = 0; i < size; ++i) value |= std::uint64_t{read_register(offset + i)} << (8 * i);
  return value;
}

void Ide::write(std::uint64_t offset, unsigned size, std::uint64_t value) {
  if (offset == kData) return write_data(size, value);
  for (unsigned i = 0; i < size; ++i) write_register(offset + i, static_cast<std::uint8_t>(value >> (8 * i)));
}

std::uint8_t Ide::read_register(std::uint64_t offset) {
  const TaskFile& task = selected().regs.task;
  switch (offset) {
    case kErrorOrFeatures: return selected().disk != nullptr ? selected().regs.error : 0;
    case kCount: return task.count;
    case kLba0:
    case kLba1:
    case kLba2: return task.lba[offset - kLba0];
    case kDevice: return task.device;
    default:
      interrupt_pending_ = 0;
      update_irq();
      return status();
  }
}

void Ide::write_register(std::uint64_t offset, std::uint8_t value) {
  if (control_register_ & kSoftReset) return;
  if (offset == kStatusOrCommand) return command(value);
  for (Drive& drive : drives_) {
    TaskFile& task = drive.regs.task;
    switch (offset) {
      case kErrorOrFeatures: task.features = value; break;
      case kCount: task.count = value; break;
      case kDevice: task.device = value | kAlwaysSet; break;
      default: task.lba[offset - kLba0] = value; break;
    }
  }
}

void Ide::write_control(std::uint8_t value) {
  const std::uint8_t before = std::exchange(control_register_, value);
  if (before & ~value & kSoftReset) {
    interrupt_pending_ = 0;
    reset_drives();
  }
  update_irq();
}

/// The register is 16 bits wide: a byte access moves a word, of which it has the lower half.
std::uint64_t Ide::read_data(unsigned size) {
  Drive& drive = selected();
  std::uint64_t value = 0;
  for (unsigned i = 0; i < std::max(size, 2u); i += 2) {
    Registers& regs = drive.regs;
    if (!(status() & kDrq) || regs.transfer == Transfer::kWrite) break;
    for (unsigned byte = 0; byte < 2; ++byte) {
      value |= std::to_integer<std::uint64_t>(drive.buffer[regs.at++]) << (8 * (i + byte));
    }
    if (regs.at == regs.size) block_moved(drive);
  }
  return value;
}

void Ide::write_data(unsigned size, std::uint64_t value) {
  Drive& drive = selected();
  for (unsigned i = 0; i < std::max(size, 2u); i += 2) {
    Registers& regs = drive.regs;
    if (!(status() & kDrq) || regs.transfer != Transfer::kWrite) return;
    for (unsigned byte = 0; byte < 2; ++byte) {
      drive.buffer[regs.at++] = static_cast<std::byte>(value >> (8 * (i + byte)));
    }
    if (regs.at == regs.size) block_moved(drive);
  }
}

void Ide::command(std::uint8_t value) {
  interrupt_pending_ = 0;
  update_irq();
  Drive& drive = value == kDiagnostic ? drives_[0] : selected();  // that one is for both
  if (drive.disk == nullptr) return;
  drive.regs.transfer = Transfer::kNone;
  drive.regs.status = kReady;
  drive.regs.error = 0;
  for (const CommandRow& row : commands()) {
    if (value >= row.first && value <= row.last) return (this->*row.run)(drive);
  }
  fail(drive, kAbrt);
}

void Ide::nothing(Drive& drive) { succeed(drive); }

void Ide::diagnose(Drive& drive) {
  reset_drives();
  succeed(drive);
  drive.regs.error = kPassed;
}

void Ide::identify(Drive& drive) {
  const Registers& regs = drive.regs;
  const auto answer = ide_identify({.sectors = drive.disk->sectors(),
                                    .serial = &drive == &drives_[0] ? "GDBVM00001" : "GDBVM00002",
                                    .most_multiple = kMostMultiple,
                                    .multiple = regs.multiple,
                                    .heads = regs.heads,
                                    .track_sectors = regs.track_sectors});
  std::ranges::copy(answer, drive.buffer.begin());
  drive.regs.transfer = Transfer::kIdentify;
  offer_block(drive, answer.size());
  interrupt();
}

/// How a driver sees that this is not an ATAPI device: the signature, and an abort.
void Ide::identify_packet(Drive& drive) {
  drive.regs.task.count = 1;
  drive.regs.task.lba = {1, 0, 0};
  fail(drive, kAbrt);
}

void Ide::read_sectors(Drive& drive) { start_read(drive, 1); }
void Ide::write_sectors(Drive& drive) { start_write(drive, 1); }
void Ide::read_multiple(Drive& drive) { start_read(drive, drive.regs.multiple); }
void Ide::write_multiple(Drive& drive) { start_write(drive, drive.regs.multiple); }

void Ide::verify(Drive& drive) {
  const std::uint8_t count = drive.regs.task.count;
  if (locate(drive, count == 0 ? 256 : count)) succeed(drive);
}

void Ide::seek(Drive& drive) {
  if (locate(drive, 1)) succeed(drive);
}

void Ide::set_multiple(Drive& drive) {
  const std::uint8_t count = drive.regs.task.count;
  if (count > kMostMultiple || (count & (count - 1)) != 0) return fail(drive, kAbrt);
  drive.regs.multiple = count;
  succeed(drive);
}

void Ide::set_geometry(Drive& drive) {
  if (drive.regs.task.count == 0) return fail(drive, kAbrt);
  drive.regs.track_sectors = drive.regs.task.count;
  drive.regs.heads = static_cast<std::uint8_t>((drive.regs.task.device & kHeadBits) + 1);
  succeed(drive);
}

/// Those that change nothing here, as nothing is cached or timed: the write cache on (0x02) and off (0x82), PIO modes
/// (0x03 with 0 or 1, or 8 to 12), read look-ahead on (0xaa) and off (0x55), power-on defaults kept (0x66) and not
/// (0xcc).
void Ide::set_features(Drive& drive) {
  constexpr std::uint8_t kTransferMode = 0x03;
  constexpr std::array<std::uint8_t, 6> kTaken = {0x02, 0x82, 0xaa, 0x55, 0x66, 0xcc};
  const TaskFile& task = drive.regs.task;
  const bool pio_mode = task.features == kTransferMode && (task.count <= 1 || (task.count >= 8 && task.count <= 12));
  if (!pio_mode && std::ranges::find(kTaken, task.features) == kTaken.end()) return fail(drive, kAbrt);
  succeed(drive);
}

void Ide::read_native_max(Drive& drive) {
  const std::uint64_t last = drive.disk->sectors() - 1;
  TaskFile& task = drive.regs.task;
  for (unsigned i = 0; i < task.lba.size(); ++i) task.lba[i] = static_cast<std::uint8_t>(last >> (8 * i));
  task.device = static_cast<std::uint8_t>((task.device & ~kHeadBits) | last >> 24);
  succeed(drive);
}

void Ide::check_power_mode(Drive& drive) {
  drive.regs.task.count = 0xff;  // active
  succeed(drive);
}

void Ide::flush(Drive& drive) { drive.disk->flush() ? succeed(drive) : fail(drive, kAbrt, kDf); }

/// The task file's address into regs.sector. False, with the command failed, when not all of `count` sectors from there
/// on exist: so nothing of a command that leads beyond the end is done.
bool Ide::locate(Drive& drive, std::uint32_t count) {
  Registers& regs = drive.regs;
  const TaskFile& task = regs.task;
  const std::uint32_t head = task.device & kHeadBits;
  std::uint64_t sector = task.lba[0] | task.lba[1] << 8 | task.lba[2] << 16 | head << 24;
  bool exists = true;
  if (!(task.device & kLbaMode)) {
    const std::uint64_t cylinder = task.lba[1] | task.lba[2] << 8;
    sector = (cylinder * regs.heads + head) * regs.track_sectors + task.lba[0] - 1;
    exists = task.lba[0] >= 1 && task.lba[0] <= regs.track_sectors && head < regs.heads;
  }
  if (!exists || sector + count > drive.disk->sectors()) {
    fail(drive, kIdnf);
    return false;
  }
  regs.sector = static_cast<std::uint32_t>(sector);
  regs.left = count;
  return true;
}

void Ide::start_read(Drive& drive, unsigned block) {
  if (block == 0) return fail(drive, kAbrt);
  const std::uint8_t count = drive.regs.task.count;
  if (!locate(drive, count == 0 ? 256 : count)) return;
  drive.regs.block = static_cast<std::uint16_t>(block);
  drive.regs.transfer = Transfer::kRead;
  next_read_block(drive);
}

void Ide::start_write(Drive& drive, unsigned block) {
  if (block == 0) return fail(drive, kAbrt);
  if (drive.disk->read_only()) return fail(drive, kAbrt | kWp);
  const std::uint8_t count = drive.regs.task.count;
  if (!locate(drive, count == 0 ? 256 : count)) return;
  drive.regs.block = static_cast<std::uint16_t>(block);
  drive.regs.transfer = Transfer::kWrite;
  offer_block(drive,
              std::min<std::size_t>(block, drive.regs.left) * Disk::kSectorSize);  // no interrupt before the first
}

void Ide::next_read_block(Drive& drive) {
  Registers& regs = drive.regs;
  const std::size_t size = std::min<std::size_t>(regs.block, regs.left) * Disk::kSectorSize;
  if (!drive.disk->read(regs.sector, std::span(drive.buffer).first(size))) return fail(drive, kUnc);
  offer_block(drive, size);
  interrupt();
}

void Ide::offer_block(Drive& drive, std::size_t size) {
  drive.regs.at = 0;
  drive.regs.size = static_cast<std::uint16_t>(size);
  drive.regs.status = kReady | kDrq;
}

void Ide::block_moved(Drive& drive) {
  Registers& regs = drive.regs;
  if (regs.transfer == Transfer::kWrite) return block_written(drive);
  const auto sectors = static_cast<std::uint32_t>(regs.size / Disk::kSectorSize);
  if (regs.transfer == Transfer::kRead && regs.left > sectors) {
    regs.sector += sectors;
    regs.left -= sectors;
    return next_read_block(drive);
  }
  regs.transfer = Transfer::kNone;  // a read's end makes no interrupt
  regs.status = kReady;
}

void Ide::block_written(Drive& drive) {
  Registers& regs = drive.regs;
  if (!drive.disk->write(regs.sector, std::span(drive.buffer).first(regs.size))) return fail(drive, kAbrt, kDf);
  const auto sectors = static_cast<std::uint32_t>(regs.size / Disk::kSectorSize);
  regs.sector += sectors;
  regs.left -= sectors;
  if (regs.left == 0) return succeed(drive);
  offer_block(drive, std::min<std::size_t>(regs.block, regs.left) * Disk::kSectorSize);
  interrupt();
}

void Ide::succeed(Drive& drive) {
  drive.regs.transfer = Transfer::kNone;
  drive.regs.status = kReady;
  interrupt();
}

void Ide::fail(Drive& drive, std::uint8_t error, std::uint8_t more_status) {
  drive.regs.transfer = Transfer::kNone;
  drive.regs.status = kReady | kErr | more_status;
  drive.regs.error = error;
  interrupt();
}

void Ide::reset_drives() {
  for (Drive& drive : drives_) {
    drive.regs = {};
    drive.regs.status = kReady;
    drive.regs.error = kPassed;
  }
}

/// An edge each: the interrupt chips take IRQ 14 by its edges, and a driver need not have read the status in between.
void Ide::interrupt() {
  interrupt_pending_ = 0;
  update_irq();
  interrupt_pending_ = 1;
  update_irq();
}

void Ide::update_irq() { irq_.set(interrupt_pending_ && !(control_register_ & kNoInterrupt)); }

void Ide::save(StateWriter& out) const {
  out.tag("ide");
  out.put(control_register_);
  out.put(interrupt_pending_);
  for (const Drive& drive : drives_) {
    out.put(drive.regs);
    out.put(drive.buffer);
  }
}

void Ide::load(StateReader& in) {
  in.tag("ide");
  control_register_ = in.get<std::uint8_t>();
  interrupt_pending_ = in.get<std::uint8_t>() & 1;
  for (Drive& drive : drives_) {
    const auto regs = in.get<Registers>();
    const bool sane = regs.size <= drive.buffer.size() && regs.size % Disk::kSectorSize == 0 && regs.at <= regs.size &&
                      regs.at % 2 == 0 && (regs.at < regs.size || !(regs.status & kDrq)) &&
                      regs.multiple <= kMostMultiple && regs.heads >= 1 && regs.heads <= 16 &&
                      regs.track_sectors >= 1 && regs.block >= 1 && regs.block <= kMostMultiple &&
                      regs.transfer <= Transfer::kWrite && regs.sector <= kMostSectors && regs.left <= 256 &&
                      (regs.transfer < Transfer::kRead || regs.size / Disk::kSectorSize <= regs.left);
    if (!sane) throw HostError("the snapshot is damaged: the IDE channel");
    drive.regs = regs;
    drive.buffer = in.get<decltype(drive.buffer)>();
  }
  update_irq();
}

}  // namespace vmm
