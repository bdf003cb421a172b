#include "gdbstub/packet.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "gdbstub/hex.hpp"

namespace gdb {
namespace {

constexpr char kEscapeMark = '}';
constexpr char kInterruptByte = '\x03';

std::uint8_t value_of(char c) { return static_cast<std::uint8_t>(c); }

char flip(char c) { return static_cast<char>(value_of(c) ^ 0x20); }

constexpr std::array<bool, 256> table_of(std::string_view characters) {
  std::array<bool, 256> table{};
  for (const char c : characters) table.at(static_cast<std::uint8_t>(c)) = true;
  return table;
}
constexpr auto kEscaped = table_of("#$}*");
constexpr auto kMarks = table_of("#$}");  // what the parser must look at inside a payload

bool must_escape(char c) { return kEscaped[value_of(c)]; }

/// What comes before the first character that `stop` takes: long packets go in such stretches, not one by one.
template <typename Stop>
std::string_view stretch(std::string_view text, Stop stop) {
  std::size_t size = 0;
  while (size < text.size() && !stop(text[size])) ++size;
  return text.substr(0, size);
}

std::uint8_t sum_of(std::string_view text) {
  std::uint8_t sum = 0;
  for (const char c : text) sum = static_cast<std::uint8_t>(sum + value_of(c));
  return sum;
}

std::string escape(std::string_view data) {
  std::string out;
  out.reserve(data.size() + data.size() / 32);
  for (;;) {
    const std::string_view plain = stretch(data, must_escape);
    out += plain;
    data.remove_prefix(plain.size());
    if (data.empty()) return out;
    out += kEscapeMark;
    out += flip(data.front());
    data.remove_prefix(1);
  }
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
  std::size_t written = 0;
  for (std::size_t at = 0; at + kShortestRepeat < text.size(); ++at) {
    if (text[at] != text[at + 1]) continue;
    const char c = text[at];
    const std::size_t end = std::min(text.find_first_not_of(c, at), text.size());
    if (end - at - 1 < kShortestRepeat) continue;
    const std::size_t repeats = usable_repeat(end - at - 1);
    out += text.substr(written, at + 1 - written);
    out += '*';
    out += repeat_mark(repeats);
    at += repeats;
    written = at + 1;
  }
  out += text.substr(written);
  return out;
}

}  // namespace

std::optional<PacketEvent> PacketParser::next(std::string_view& bytes) {
  for (;;) {
    if (state_ == State::kPayload) take_plain(bytes);
    if (bytes.empty()) return std::nullopt;
    const char c = bytes.front();
    bytes.remove_prefix(1);
    if (auto event = take(c)) return event;
  }
}

void PacketParser::take_plain(std::string_view& bytes) {
  const std::string_view plain = stretch(bytes, [](char c) { return kMarks[value_of(c)]; });
  bytes.remove_prefix(plain.size());
  sum_ = static_cast<std::uint8_t>(sum_ + sum_of(plain));
  payload_ += plain.substr(0, kPacketSize - std::min(wire_size_, kPacketSize));
  wire_size_ = std::min(wire_size_ + plain.size(), kPacketSize + 1);
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
  std::string out;
  out.reserve(body.size() + 4);
  out += mark;
  out += body;
  out += '#';
  const std::byte byte{sum_of(body)};
  append_hex(out, {&byte, 1});
  return out;
}

std::size_t escaped_fit(std::string_view data, std::size_t budget) {
  const auto escapes = static_cast<std::size_t>(std::ranges::count_if(data, must_escape));
  if (data.size() + escapes <= budget) return data.size();
  std::size_t used = 0;
  for (std::size_t i = 0; i < data.size(); ++i) {
    used += must_escape(data[i]) ? 2 : 1;
    if (used > budget) return i;
  }
  return data.size();
}

}  // namespace gdb
