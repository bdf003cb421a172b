#include "vmm/devices/i8042.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "vmm/base/errors.hpp"

namespace vmm {
namespace {

constexpr std::uint64_t kData = 0;
constexpr std::uint64_t kStatus = 4;
constexpr std::size_t kMaxOutput = 16;
constexpr std::size_t kMaxKeys = 256;

enum Status : std::uint8_t { kOutputFull = 1, kSystemFlag = 4, kLastWasCommand = 8, kNotLocked = 0x10 };
enum CommandByte : std::uint8_t { kKeyboardIrq = 1, kKeyboardOff = 0x10, kAuxOff = 0x20, kTranslate = 0x40 };
enum OutputPort : std::uint8_t { kNoReset = 1, kA20 = 2 };
enum Command : std::uint8_t {
  kReadCommandByte = 0x20,
  kWriteCommandByte = 0x60,
  kDisableAux = 0xa7,
  kEnableAux = 0xa8,
  kTestAux = 0xa9,
  kSelfTest = 0xaa,
  kTestKeyboard = 0xab,
  kDisableKeyboard = 0xad,
  kEnableKeyboard = 0xae,
  kReadInputPort = 0xc0,
  kReadOutputPort = 0xd0,
  kWriteOutputPort = 0xd1,
  kEchoAsKeyboard = 0xd2,
  kEchoAsAux = 0xd3,
  kWriteAux = 0xd4,
  kA20Off = 0xdd,
  kA20On = 0xdf,
  kPulse = 0xf0,  // 0xf0-0xff: the lines whose bit is 0
};

constexpr std::uint8_t kAck = 0xfa;
constexpr std::uint8_t kResend = 0xfe;
constexpr std::uint8_t kScanCodeSet = 0xf0;
constexpr std::uint8_t kEnable = 0xf4;
constexpr std::uint8_t kDisable = 0xf5;
constexpr std::uint8_t kDefaults = 0xf6;
constexpr std::uint8_t kKeyboardReset = 0xff;

/// What the keyboard answers to a command byte; all that are not here get "resend".
struct KeyboardCommand {
  std::uint8_t command;
  bool wants_data;
  std::uint8_t count;
  std::array<std::uint8_t, 3> replies;
};
constexpr std::array kKeyboardCommands = {
    KeyboardCommand{0xed, true, 1, {kAck}},                   // LEDs
    KeyboardCommand{0xee, false, 1, {0xee}},                  // echo
    KeyboardCommand{kScanCodeSet, true, 1, {kAck}},           //
    KeyboardCommand{0xf2, false, 3, {kAck, 0xab, 0x83}},      // identify: an MF2 keyboard
    KeyboardCommand{0xf3, true, 1, {kAck}},                   // repeat rate
    KeyboardCommand{kEnable, false, 1, {kAck}},               // enable
    KeyboardCommand{kDisable, false, 1, {kAck}},              // disable
    KeyboardCommand{kDefaults, false, 1, {kAck}},             // defaults
    KeyboardCommand{kKeyboardReset, false, 2, {kAck, 0xaa}},  // reset, self test passed
};

}  // namespace

std::uint8_t I8042::read_byte(std::uint64_t offset) {
  if (offset == kData) return take_output();
  if (offset != kStatus) return 0xff;
  std::uint8_t status = kNotLocked;
  if (!output_.empty()) status |= kOutputFull;
  if (regs_.last_was_command) status |= kLastWasCommand;
  return status | (regs_.command_byte & kSystemFlag);  // the same bit in both
}

void I8042::write_byte(std::uint64_t offset, std::uint8_t value) {
  if (offset == kStatus) {
    regs_.last_was_command = 1;
    regs_.controller_wants = 0;
    command(value);
  } else if (offset == kData) {
    regs_.last_was_command = 0;
    regs_.controller_wants ? controller_data(value) : keyboard_data(value);
  }
  offer_key();
  update_irq();
}

void I8042::command(std::uint8_t value) {
  if (value >= kPulse) {
    if (!(value & kNoReset)) request_({.kind = MachineRequest::Kind::kReset});
    return;
  }
  switch (value) {
    case kReadCommandByte: reply(regs_.command_byte); break;
    case kDisableAux: regs_.command_byte |= kAuxOff; break;
    case kEnableAux: regs_.command_byte &= static_cast<std::uint8_t>(~kAuxOff); break;
    case kTestAux: reply(0x02); break;  // "clock line stuck high": nothing is plugged in
    case kSelfTest:
      regs_.command_byte |= kSystemFlag;
      reply(0x55);
      break;
    case kTestKeyboard: reply(0x00); break;
    case kDisableKeyboard: regs_.command_byte |= kKeyboardOff; break;
    case kEnableKeyboard: regs_.command_byte &= static_cast<std::uint8_t>(~kKeyboardOff); break;
    case kReadInputPort: reply(0x80); break;  // not locked
    case kReadOutputPort: reply(static_cast<std::uint8_t>(regs_.output_port | (output_.empty() ? 0 : 0x10))); break;
    case kA20Off: regs_.output_port &= static_cast<std::uint8_t>(~kA20); break;
    case kA20On: regs_.output_port |= kA20; break;
    case kWriteCommandByte:
    case kWriteOutputPort:
    case kEchoAsKeyboard:
    case kEchoAsAux:
    case kWriteAux: regs_.controller_wants = value; break;
    default: break;
  }
}

void I8042::controller_data(std::uint8_t value) {
  switch (std::exchange(regs_.controller_wants, std::uint8_t{0})) {
    case kWriteCommandByte: regs_.command_byte = value; break;
    case kWriteOutputPort: set_output_port(value); break;
    case kEchoAsKeyboard:
    case kEchoAsAux: reply(value); break;  // without status bit 5: so Linux knows at once that there is no second port
    default: break;                        // to the mouse that is not there
  }
}

void I8042::set_output_port(std::uint8_t value) {
  const bool reset = !(value & kNoReset);
  regs_.output_port = (value & kA20) | kNoReset;
  if (reset) request_({.kind = MachineRequest::Kind::kReset});
}

void I8042::keyboard_data(std::uint8_t value) {
  regs_.command_byte &= static_cast<std::uint8_t>(~kKeyboardOff);  // sending to it releases its clock line
  if (const auto wants = std::exchange(regs_.keyboard_wants, std::uint8_t{0}); wants && value < 0xed) {
    if (wants == kScanCodeSet && value > 2) return reply(kResend);
    reply(kAck);
    if (wants != kScanCodeSet) return;
    if (value == 0) return reply(translated(regs_.scan_code_set));
    regs_.scan_code_set = value;
    return;
  }
  const auto row = std::ranges::find(kKeyboardCommands, value, &KeyboardCommand::command);
  if (row == kKeyboardCommands.end()) return reply(kResend);
  if (row->wants_data) regs_.keyboard_wants = value;
  if (value >= kEnable) {
    keys_.clear();
    regs_.scanning = value != kDisable;
  }
  if (value == kDefaults || value == kKeyboardReset) regs_.scan_code_set = 2;
  for (unsigned i = 0; i < row->count; ++i) reply(i == 0 ? row->replies[i] : translated(row->replies[i]));
}

/// The controller translates from set 2 to set 1 whatever the keyboard sends; of what we send, these values change.
std::uint8_t I8042::translated(std::uint8_t scan_code) const {
  if (!(regs_.command_byte & kTranslate)) return scan_code;
  constexpr std::array<std::array<std::uint8_t, 2>, 4> kSet2ToSet1 = {{{0x83, 0x41}, {1, 0x43}, {2, 0x41}, {3, 0x3f}}};
  for (const auto& [from, to] : kSet2ToSet1) {
    if (from == scan_code) return to;
  }
  return scan_code;
}

void I8042::reply(std::uint8_t value) {
  if (output_.size() < kMaxOutput) output_.push_back(value);
}

I8042::Typed I8042::type(std::span<const KeyCode> chord) {
  if (!regs_.scanning) return Typed::kOff;
  // A keyboard set to 1 behind a translating controller, which no driver wants, is not modelled: it sends set 1.
  const bool plain_set2 = regs_.scan_code_set == 2 && !(regs_.command_byte & kTranslate);
  const auto bytes = scan_codes(chord, plain_set2 ? 2 : 1);
  if (bytes.size() > kMaxKeys - keys_.size()) return Typed::kFull;
  keys_.insert(keys_.end(), bytes.begin(), bytes.end());
  offer_key();
  update_irq();
  return Typed::kTaken;
}

/// The keyboard sends while its clock line is not held, and nothing else waits to be read.
void I8042::offer_key() {
  if (!output_.empty() || keys_.empty() || regs_.command_byte & kKeyboardOff) return;
  output_.push_back(keys_.front());
  keys_.pop_front();
}

std::uint8_t I8042::take_output() {
  if (output_.empty()) return regs_.last_read;
  regs_.last_read = output_.front();
  output_.pop_front();
  irq_.set(false);  // the next byte is a new interrupt: the PIC's input is edge triggered
  offer_key();
  update_irq();
  return regs_.last_read;
}

void I8042::update_irq() { irq_.set(!output_.empty() && (regs_.command_byte & kKeyboardIrq)); }

void I8042::save(StateWriter& out) const {
  out.tag("i8042");
  out.put(regs_);
  for (const auto* queue : {&output_, &keys_}) {
    const std::vector<std::uint8_t> bytes(queue->begin(), queue->end());
    out.put_bytes(std::as_bytes(std::span(bytes)));
  }
}

void I8042::load(StateReader& in) {
  in.tag("i8042");
  regs_ = in.get<Registers>();
  for (auto* queue : {&output_, &keys_}) {
    const auto bytes = in.get_bytes();
    if (bytes.size() > (queue == &output_ ? kMaxOutput : kMaxKeys)) {
      throw HostError("the snapshot is damaged: the keyboard's buffers");
    }
    queue->clear();
    for (const auto byte : bytes) queue->push_back(std::to_integer<std::uint8_t>(byte));
  }
  update_irq();
}

}  // namespace vmm
