#include "gdbstub/packet.hpp"

#include <emmintrin.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
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

/// Modulo 256.
std::uint8_t sum_of(std::string_view text) {
  __m128i sums = _mm_setzero_si128();
  std::size_t at = 0;
  for (; at + sizeof sums <= text.size(); at += sizeof sums) {
    sums = _mm_add_epi8(sums, _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + at)));
  }
  std::array<std::uint8_t, sizeof sums> lanes{};
  std::memcpy(lanes.data(), &sums, sizeof sums);
  std::uint8_t sum = 0;
  for (const std::uint8_t lane : lanes) sum = static_cast<std::uint8_t>(sum + lane);
  for (; at < text.size(); ++at) sum = static_cast<std::uint8_t>(sum + value_of(text[at]));
  return sum;
}

/// From `at` on, the first character that can't go as it is: one to escape, or one that the next repeats.
std::size_t find_special(std::string_view text, std::size_t at) {
  const auto is = [](__m128i characters, char c) { return _mm_cmpeq_epi8(characters, _mm_set1_epi8(c)); };
  const auto load = [](const char* from) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)); };
  for (constexpr std::size_t kBlock = sizeof(__m128i); at + kBlock < text.size(); at += kBlock) {
    const __m128i block = load(text.data() + at);
    const __m128i repeated = _mm_cmpeq_epi8(block, load(text.data() + at + 1));
    const __m128i first = _mm_or_si128(is(block, '#'), is(block, '$'));
    const __m128i second = _mm_or_si128(is(block, kEscapeMark), is(block, '*'));
    const int found = _mm_movemask_epi8(_mm_or_si128(repeated, _mm_or_si128(first, second)));
    if (found != 0) return at + static_cast<std::size_t>(std::countr_zero(static_cast<unsigned>(found)));
  }
  while (at < text.size() && !must_escape(text[at]) && (at + 1 == text.size() || text[at] != text[at + 1])) ++at;
  return at;
}

// A run is written as its character, `*` and the count of the further ones plus 29 as one printable character
// (GDB manual, "Overview"). # and $ would look like frame marks; the others confuse clients that scan for them.
constexpr std::size_t kShortestRepeat = 3;
constexpr std::size_t kLongestRepeat = 126 - 29;

char repeat_mark(std::size_t repeats) { return static_cast<char>(repeats + 29); }

std::size_t usable_repeat(std::size_t repeats) {
  while (std::string_view("#$%*+-}").contains(repeat_mark(repeats))) --repeats;
  return repeats;
}

/// Escaped, and run-length encoded.
void append_encoded(std::string& out, std::string_view text) {
  for (std::size_t at = 0;;) {
    const std::size_t special = find_special(text, at);
    out += text.substr(at, special - at);
    if (special == text.size()) return;
    at = special;
    const char c = text[at];
    if (must_escape(c)) {
      out += kEscapeMark;
      out += flip(c);
      ++at;
      continue;
    }
    const std::string_view rest = text.substr(at + 1, kLongestRepeat);
    const std::size_t repeats = std::min(rest.find_first_not_of(c), rest.size());
    if (repeats < kShortestRepeat) {
      out.append(repeats + 1, c);
      at += repeats + 1;
      continue;
    }
    const std::size_t told = usable_repeat(repeats);
    out += c;
    out += '*';
    out += repeat_mark(told);
    at += told + 1;
  }
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
  std::string out;
  out.reserve(payload.size() + payload.size() / 32 + 4);
  out += mark;
  append_encoded(out, payload);
  const std::byte sum{sum_of(std::string_view(out).substr(1))};
  out += '#';
  append_hex(out, {&sum, 1});
  return out;
}

std::size_t escaped_fit(std::string_view data, std::size_t budget) {
  std::size_t used = 0;
  for (std::size_t i = 0; i < data.size(); ++i) {
    if (used + 2 * (data.size() - i) <= budget) break;  // whatever comes
    used += must_escape(data[i]) ? 2 : 1;
    if (used > budget) return i;
  }
  return data.size();
}

}  // namespace gdb
