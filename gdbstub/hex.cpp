#include "gdbstub/hex.hpp"

#include <algorithm>
#include <array>

namespace gdb {
namespace {
constexpr std::string_view kDigits = "0123456789abcdef";

/// Of each byte, its two digits.
constexpr auto kBytes = [] {
  std::array<std::array<char, 2>, 256> digits{};
  for (std::size_t i = 0; i < digits.size(); ++i) digits.at(i) = {kDigits[i >> 4], kDigits[i & 15]};
  return digits;
}();
}  // namespace

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void append_hex(std::string& out, std::span<const std::byte> bytes) {
  std::size_t at = out.size();
  out.resize(at + 2 * bytes.size());
  for (const std::byte byte : bytes) {
    std::ranges::copy(kBytes[std::to_integer<std::size_t>(byte)], out.begin() + static_cast<std::ptrdiff_t>(at));
    at += 2;
  }
}

std::string hex_of_text(std::string_view text) {
  std::string out;
  append_hex(out, std::as_bytes(std::span(text)));
  return out;
}

std::string hex_of_number(std::uint64_t number) {
  std::string out;
  do {
    out += kDigits[number & 15];
    number >>= 4;
  } while (number != 0);
  std::ranges::reverse(out);
  return out;
}

std::optional<std::vector<std::byte>> bytes_of_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::vector<std::byte> bytes(text.size() / 2);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const int high = hex_digit(text[2 * i]);
    const int low = hex_digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes[i] = static_cast<std::byte>(high << 4 | low);
  }
  return bytes;
}

std::optional<std::uint64_t> Fields::number() {
  std::uint64_t value = 0;
  std::size_t used = 0;
  for (; used < rest_.size() && hex_digit(rest_[used]) >= 0; ++used) {
    if (value >> 60 != 0) return std::nullopt;
    value = value << 4 | static_cast<unsigned>(hex_digit(rest_[used]));
  }
  if (used == 0) return std::nullopt;
  rest_.remove_prefix(used);
  return value;
}

bool Fields::skip(char c) {
  if (!rest_.starts_with(c)) return false;
  rest_.remove_prefix(1);
  return true;
}

std::string_view Fields::until(char c) {
  const std::size_t end = rest_.find(c);
  const std::string_view field = rest_.substr(0, end);
  rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
  return field;
}

}  // namespace gdb
