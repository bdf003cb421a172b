/// What agent expressions and the formats in them share.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <expected>
#include <string>
#include <utility>

namespace gdb {

inline std::unexpected<std::string> refuse(std::string sentence) { return std::unexpected(std::move(sentence)); }

inline std::unexpected<std::string> refuse_memory(std::uint64_t address) {
  return refuse(fmt::format("memory at {:#x} can't be read", address));
}

/// From the low `bits` of `value`; all of it from 64 on.
constexpr std::uint64_t sign_extend(std::uint64_t value, std::uint64_t bits) {
  if (bits == 0) return 0;
  if (bits >= 64) return value;
  const std::uint64_t sign = std::uint64_t{1} << (bits - 1);
  return ((value & (2 * sign - 1)) ^ sign) - sign;
}

constexpr std::uint64_t zero_extend(std::uint64_t value, std::uint64_t bits) {
  return bits >= 64 ? value : value & ((std::uint64_t{1} << bits) - 1);
}

}  // namespace gdb
