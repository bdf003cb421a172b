#include "vmm/devices/serial.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "vmm/base/errors.hpp"

namespace vmm {
namespace {

enum Ier : std::uint8_t { kIerRx = 1, kIerThre = 2, kIerLine = 4, kIerModem = 8, kIerAll = 0x0f };
enum Fcr : std::uint8_t { kFcrEnable = 1, kFcrClearReceiver = 2, kFcrTrigger = 0xc0 };
enum Lcr : std::uint8_t { kLcrDlab = 0x80 };
enum Mcr : std::uint8_t { kMcrDtr = 1, kMcrRts = 2, kMcrOut1 = 4, kMcrOut2 = 8, kMcrLoop = 0x10, kMcrAll = 0x1f };
enum Lsr : std::uint8_t { kLsrData = 1, kLsrOverrun = 2, kLsrErrors = 0x1e, kLsrTransmitterEmpty = 0x60 };
enum Msr : std::uint8_t { kMsrCts = 0x10, kMsrDsr = 0x20, kMsrRing = 0x40, kMsrDcd = 0x80 };
enum Iir : std::uint8_t {
  kIirModem = 0x00,
  kIirNone = 0x01,
  kIirThre = 0x02,
  kIirRx = 0x04,
  kIirLine = 0x06,
  kIirRxTimeout = 0x0c,
  kIirFifo = 0xc0
};

constexpr std::size_t kFifoDepth = 16;
constexpr std::array<std::uint8_t, 4> kTriggerLevels = {1, 4, 8, 14};
constexpr std::size_t kMaxWaiting = 4 * Serial::kMaxReceive;

}  // namespace

Serial::Serial(std::string name, HostPort& host, IrqLine irq, std::function<void()> on_room)
    : name_(std::move(name)), host_(host), irq_(std::move(irq)), on_room_(std::move(on_room)) {}

bool Serial::loopback() const { return regs_.mcr & kMcrLoop; }
bool Serial::divisor_latch() const { return regs_.lcr & kLcrDlab; }
std::size_t Serial::receiver_depth() const { return regs_.fcr & kFcrEnable ? kFifoDepth : 1; }
std::size_t Serial::trigger_level() const {
  return regs_.fcr & kFcrEnable ? kTriggerLevels[(regs_.fcr & kFcrTrigger) >> 6] : 1;
}
bool Serial::transmitter_empty() const { return loopback() || host_.ready(); }

std::uint8_t Serial::modem_lines() const {
  if (!loopback()) return kMsrCts | kMsrDsr | kMsrDcd;
  std::uint8_t lines = 0;
  if (regs_.mcr & kMcrRts) lines |= kMsrCts;
  if (regs_.mcr & kMcrDtr) lines |= kMsrDsr;
  if (regs_.mcr & kMcrOut1) lines |= kMsrRing;
  if (regs_.mcr & kMcrOut2) lines |= kMsrDcd;
  return lines;
}

std::uint8_t Serial::read_byte(std::uint64_t offset) {
  switch (offset) {
    case 0: return divisor_latch() ? regs_.dll : take_received();
    case 1: return divisor_latch() ? regs_.dlm : regs_.ier;
    case 2: return take_interrupt_id();
    case 3: return regs_.lcr;
    case 4: return regs_.mcr;
    case 5: return take_line_status();
    case 6: return take_modem_status();
    case 7: return regs_.scr;
    default: return 0xff;
  }
}

void Serial::write_byte(std::uint64_t offset, std::uint8_t value) {
  switch (offset) {
    case 0: divisor_latch() ? void(regs_.dll = value) : transmit(value); break;
    case 1: divisor_latch() ? void(regs_.dlm = value) : set_interrupt_enable(value); break;
    case 2: set_fifo_control(value); break;
    case 3: regs_.lcr = value; break;
    case 4: set_modem_control(value); break;
    case 7: regs_.scr = value; break;
    default: break;  // LSR and MSR: read only (writing them is for factory tests)
  }
}

std::uint8_t Serial::take_received() {
  if (fifo_.empty()) return 0;
  const auto value = fifo_.front();
  fifo_.pop_front();
  refill_receiver();
  update_irq();
  return value;
}

std::uint8_t Serial::take_interrupt_id() {
  settle_transmitter();
  const auto id = interrupt_id();
  if (id == kIirThre) regs_.thre_pending = 0;
  regs_.receiver_watched |= id == kIirRx || id == kIirRxTimeout;
  update_irq();
  return static_cast<std::uint8_t>(id | (regs_.fcr & kFcrEnable ? kIirFifo : 0));
}

std::uint8_t Serial::take_line_status() {
  settle_transmitter();
  auto status = regs_.errors;
  if (!fifo_.empty()) {
    status |= kLsrData;
    regs_.receiver_watched = 1;
  }
  if (transmitter_empty()) status |= kLsrTransmitterEmpty;
  regs_.errors = 0;
  update_irq();
  return status;
}

std::uint8_t Serial::take_modem_status() {
  const auto status = static_cast<std::uint8_t>(modem_lines() | regs_.modem_deltas);
  regs_.modem_deltas = 0;
  update_irq();
  return status;
}

void Serial::transmit(std::uint8_t value) {
  // The line goes down and up again: the PIC's input is edge triggered.
  regs_.thre_pending = 0;
  update_irq();
  if (!loopback()) {
    host_.write(std::as_bytes(std::span(&value, 1)));
  } else if (fifo_.size() < receiver_depth()) {
    fifo_.push_back(value);
    regs_.receiver_watched = 1;  // the guest knows what it sent
  } else {
    regs_.errors |= kLsrOverrun;
    if (receiver_depth() == 1) fifo_.front() = value;  // without FIFOs the new byte replaces the old one
  }
  regs_.transmitting = 1;
  settle_transmitter();
  update_irq();
}

void Serial::settle_transmitter() {
  if (!regs_.transmitting || !transmitter_empty()) return;
  regs_.transmitting = 0;
  regs_.thre_pending = 1;
  update_irq();
}

void Serial::set_interrupt_enable(std::uint8_t value) {
  const bool thre_enabled = ~regs_.ier & value & kIerThre;
  regs_.ier = value & kIerAll;
  if (thre_enabled) {
    regs_.transmitting =
        1;  // as if the last byte had just been sent: the interrupt comes when the transmitter is empty
    settle_transmitter();
  }
  update_irq();
}

void Serial::set_fifo_control(std::uint8_t value) {
  const bool toggled = (regs_.fcr ^ value) & kFcrEnable;
  const bool enable = value & kFcrEnable;
  if (toggled || (enable && (value & kFcrClearReceiver))) clear_receiver();
  regs_.fcr = enable ? value & (kFcrEnable | kFcrTrigger) : 0;  // the other bits count only together with bit 0
  refill_receiver();
  update_irq();
}

void Serial::clear_receiver() {
  put_back_unseen();
  fifo_.clear();
}

/// Bytes that the guest can't know of may as well still be on the host's side of the wire; so input that was piped in
/// before the guest's driver resets the FIFOs is not lost, and its loopback test reads what it sent.
void Serial::put_back_unseen() {
  if (regs_.receiver_watched || loopback()) return;
  waiting_.insert(waiting_.begin(), fifo_.begin(), fifo_.end());
  fifo_.clear();
}

void Serial::set_modem_control(std::uint8_t value) {
  if (value & kMcrLoop) put_back_unseen();
  const auto before = modem_lines();
  regs_.mcr = value & kMcrAll;
  const auto changed = static_cast<std::uint8_t>(before ^ modem_lines());
  const auto ring_ended = static_cast<std::uint8_t>(changed & before & kMsrRing);  // TERI: the trailing edge only
  regs_.modem_deltas |= static_cast<std::uint8_t>(((changed & ~kMsrRing) | ring_ended) >> 4);
  settle_transmitter();
  refill_receiver();
  update_irq();
}

bool Serial::accepting() const { return waiting_.size() + kMaxReceive <= kMaxWaiting; }

void Serial::receive(std::span<const std::byte> bytes) {
  for (const auto byte : bytes.first(std::min(bytes.size(), kMaxWaiting - std::min(kMaxWaiting, waiting_.size())))) {
    waiting_.push_back(std::to_integer<std::uint8_t>(byte));
  }
  refill_receiver();
  update_irq();
}

void Serial::host_ready() { settle_transmitter(); }

void Serial::refill_receiver() {
  if (fifo_.empty()) regs_.receiver_watched = 0;
  if (loopback()) return;  // the receiver is disconnected from the wire
  const bool was_accepting = accepting();
  while (!waiting_.empty() && fifo_.size() < receiver_depth()) {
    fifo_.push_back(waiting_.front());
    waiting_.pop_front();
  }
  if (!was_accepting && accepting() && on_room_) on_room_();
}

/// The pending interrupt of the highest priority (data sheet, table V).
std::uint8_t Serial::interrupt_id() const {
  if ((regs_.ier & kIerLine) && regs_.errors) return kIirLine;
  if ((regs_.ier & kIerRx) && !fifo_.empty()) return fifo_.size() >= trigger_level() ? kIirRx : kIirRxTimeout;
  if ((regs_.ier & kIerThre) && regs_.thre_pending) return kIirThre;
  if ((regs_.ier & kIerModem) && regs_.modem_deltas) return kIirModem;
  return kIirNone;
}

/// On a PC, OUT2 opens the gate to the interrupt controller; in loopback mode the output pins are inactive.
bool Serial::irq_level() const { return (regs_.mcr & kMcrOut2) && !loopback() && interrupt_id() != kIirNone; }

void Serial::update_irq() {
  if (irq_level() == irq_level_) return;
  irq_level_ = irq_level();
  irq_.set(irq_level_);
}

void Serial::save(StateWriter& out) const {
  auto regs = regs_;
  if (regs.transmitting && transmitter_empty()) {  // as load() will settle it
    regs.transmitting = 0;
    regs.thre_pending = 1;
  }
  out.tag("serial");
  out.put(regs);
  const std::vector<std::uint8_t> fifo(fifo_.begin(), fifo_.end());
  const std::vector<std::uint8_t> waiting(waiting_.begin(), waiting_.end());
  out.put_bytes(std::as_bytes(std::span(fifo)));
  out.put_bytes(std::as_bytes(std::span(waiting)));
}

void Serial::load(StateReader& in) {
  in.tag("serial");
  regs_ = in.get<Registers>();
  const auto fifo = in.get_bytes();
  const auto waiting = in.get_bytes();
  if (fifo.size() > kFifoDepth || waiting.size() > kMaxWaiting + kFifoDepth) {
    throw HostError("the snapshot is damaged: the serial line has more bytes waiting than fit");
  }
  const auto to_integer = [](std::byte byte) { return std::to_integer<std::uint8_t>(byte); };
  fifo_.resize(fifo.size());
  waiting_.resize(waiting.size());
  std::ranges::transform(fifo, fifo_.begin(), to_integer);
  std::ranges::transform(waiting, waiting_.begin(), to_integer);
  settle_transmitter();
  irq_level_ = irq_level();
  irq_.set(irq_level_);
  if (accepting() && on_room_) on_room_();
}

}  // namespace vmm
