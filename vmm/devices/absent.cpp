#include "vmm/devices/absent.hpp"

namespace vmm {
namespace {

// IDE: BSY and DF clear, DRDY, DSC and ERR set, DRQ in turns. So `while (st & BSY)`, `(st & (BSY|DRDY)) != DRDY`,
// `!(st & DRQ)` and `st & (BSY|DRQ)` all end, and a command seems to have failed with ERR. 0 ("no such drive") would
// hang waits for DRDY or DRQ; a probe still finds no drive, because the other registers are all-ones: they hold no
// pattern written, and no ATA or ATAPI signature. The second drive answers alike: who selects it waits for the same
// bits.
constexpr std::array<std::uint8_t, 2> kIdeStatus = {0x51, 0x59};

// UART: the transmitter empty and no data: `!(lsr & THRE)` ends with all-ones too, but `while (lsr & DR) read` would
// not.
constexpr std::array<std::uint8_t, 2> kUartLineStatus = {0x60, 0x60};

// Floppy: RQM always; in turns "give me a command" (DIO and CB clear) and "take a result": waits for either direction
// and for "not busy" end, and so does a loop that drains results.
constexpr std::array<std::uint8_t, 2> kFloppyStatus = {0x80, 0xd0};

// Printer: selected, no error; in turns "not busy" and "busy, acknowledging": the handshake of each byte goes through.
constexpr std::array<std::uint8_t, 2> kPrinterStatus = {0xdf, 0x1f};

// VGA: display enable and vertical retrace begin and end with every read (monochrome: bit 7 is the retrace's inverse).
constexpr std::array<std::uint8_t, 2> kVgaStatus = {0x00, 0x09};
constexpr std::array<std::uint8_t, 2> kMdaStatus = {0x80, 0x09};

constexpr AbsentRow kRows[] = {
    {0x1f7, kIdeStatus, "absent: IDE 1 status"},          {0x3f6, kIdeStatus, "absent: IDE 1 alternate status"},
    {0x177, kIdeStatus, "absent: IDE 2 status"},          {0x376, kIdeStatus, "absent: IDE 2 alternate status"},
    {0x2fd, kUartLineStatus, "absent: COM2 line status"}, {0x3ed, kUartLineStatus, "absent: COM3 line status"},
    {0x2ed, kUartLineStatus, "absent: COM4 line status"}, {0x3f4, kFloppyStatus, "absent: floppy status"},
    {0x379, kPrinterStatus, "absent: LPT1 status"},       {0x279, kPrinterStatus, "absent: LPT2 status"},
    {0x3bd, kPrinterStatus, "absent: LPT3 status"},       {0x3da, kVgaStatus, "absent: VGA input status"},
    {0x3ba, kMdaStatus, "absent: MDA input status"},
};

}  // namespace

std::span<const AbsentRow> absent_ports() { return kRows; }

std::uint8_t Absent::read_byte(std::uint64_t) {
  const auto value = row_.values[next_];
  next_ ^= 1;
  return value;
}

void Absent::save(StateWriter& out) const {
  out.tag("absent");
  out.put(next_);
}

void Absent::load(StateReader& in) {
  in.tag("absent");
  next_ = in.get<std::uint8_t>() & 1;
}

}  // namespace vmm
