/// A number that a user typed.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace vmm {

/// Decimal, or hexadecimal with 0x; empty when it is neither.
inline std::optional<std::uint64_t> number_of(std::string_view text) {
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  if (hex) text.remove_prefix(2);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace vmm
