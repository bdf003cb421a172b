#include "gdbstub/packet.hpp"

#include <algorithm>
#include <utility>

#include "gdbstub/hex.hpp"

namespace gdb {
namespace {

constexpr char kEscapeMark = '}';
constexpr char kInterruptByte = '\x03';

std::uint8_t value_of(char c) { return static_cast<std::uint8_t>(c); }

char flip(char c) { return static_cast<char>(value_of(c) ^ 0x20); }

bool must_escape(char c) { return c == '#' || c == '$' || c == '}' || c == '*'; }

std::string escape(std::string_view data) {
  std::string out;
  out.reserve(data.size());
  for (const char c : data) {
    if (must_escape(c)) out += kEscapeMark;
    out += must_escape(c) ? flip(c) : c;
  }
  return out;
}

// A run is written as its character, `*` and the count of the further ones plus 29 as one printable character
// (GDB manual, "Overview"). # and $ would look like frame marks; the others confuse clients that scan for them.
constexpr std::size_t kShortestRepeat = 3;
constexpr std::size_t kLongestRepeat = 126 - 29;

char repeat_mark(std::size_t repeats) { return static_cast<char>(repeats + 29); }

std::size_t usable_repeat(std::size_t repeats) {
  repeats = std::min(repeats, kLongestRepeat);
  while (std::string_view("#$%*+-}").contains(repeat_mark(repeats))) --repeats;
  return repeats;
}

std::string run_length_encode(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 4);
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    std::size_t end = at + 1;
    while (end < text.size() && text[end] == c) ++end;
    std::size_t repeats = end - at - 1;
    out += c;
    if (repeats >= kShortestRepeat) {
      repeats = usable_repeat(repeats);
      out += '*';
      out += repeat_mark(repeats);
      at += repeats;
    }
    ++at;
  }
  return out;
}

}  // namespace

std::optional<PacketEvent> PacketParser::next(std::string_view& bytes) {
  while (!bytes.empty()) {
    const char c = bytes.front();
    bytes.remove_prefix(1);
    if (auto event = take(c)) return event;
  }
  return std::nullopt;
}

std::optional<PacketEvent> PacketParser::take(char c) {
  if (c == '$') return take_between(c);
  switch (state_) {
    case State::kBetween: return take_between(c);
    case State::kPayload:
    case State::kEscape: take_payload(c); return std::nullopt;
    case State::kChecksumHigh:
      high_digit_ = hex_digit(c);
      state_ = State::kChecksumLow;
      return std::nullopt;
    case State::kChecksumLow: state_ = State::kBetween; return finish(hex_digit(c));
  }
  return std::nullopt;
}

std::optional<PacketEvent> PacketParser::take_between(char c) {
  switch (c) {
    case '$':
      state_ = State::kPayload;
      payload_.clear();
      wire_size_ = 0;
      sum_ = 0;
      return std::nullopt;
    case '+': return PacketEvent{PacketEvent::Kind::kAck, {}};
    case '-': return PacketEvent{PacketEvent::Kind::kNak, {}};
    case kInterruptByte: return PacketEvent{PacketEvent::Kind::kInterrupt, {}};
    default: return std::nullopt;
  }
}

void PacketParser::take_payload(char c) {
  if (c == '#') {
    state_ = State::kChecksumHigh;
    return;
  }
  sum_ = static_cast<std::uint8_t>(sum_ + value_of(c));
  if (wire_size_ <= kPacketSize) ++wire_size_;
  const bool escaped = std::exchange(state_, State::kPayload) == State::kEscape;
  if (!escaped && c == kEscapeMark) {
    state_ = State::kEscape;
  } else if (wire_size_ <= kPacketSize) {
    payload_ += escaped ? flip(c) : c;
  }
}

PacketEvent PacketParser::finish(int low_digit) {
  using Kind = PacketEvent::Kind;
  if (high_digit_ < 0 || low_digit < 0 || (high_digit_ << 4 | low_digit) != sum_) return {Kind::kBadChecksum, {}};
  if (wire_size_ > kPacketSize) return {Kind::kTooLong, {}};
  return {Kind::kPacket, std::move(payload_)};
}

std::string frame(std::string_view payload, char mark) {
  const std::string body = run_length_encode(escape(payload));
  std::uint8_t sum = 0;
  for (const char c : body) sum = static_cast<std::uint8_t>(sum + value_of(c));
  std::string out;
  out.reserve(body.size() + 4);
  out += mark;
  out += body;
  out += '#';
  const std::byte byte{sum};
  append_hex(out, {&byte, 1});
  return out;
}

std::size_t escaped_fit(std::string_view data, std::size_t budget) {
  std::size_t used = 0;
  for (std::size_t i = 0; i < data.size(); ++i) {
    used += must_escape(data[i]) ? 2 : 1;
    if (used > budget) return i;
  }
  return data.size();
}

}  // namespace gdb
