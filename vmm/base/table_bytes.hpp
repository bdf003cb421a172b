/// What a guest is told in tables: structures without padding one behind the other, and bytes that make sums zero.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

namespace vmm::table {

using Bytes = std::vector<std::byte>;

/// A signature or name, without the literal's NUL.
template <std::size_t N>
constexpr std::array<char, N - 1> characters(const char (&text)[N]) {
  std::array<char, N - 1> out{};
  std::copy_n(text, N - 1, out.begin());
  return out;
}

inline void join(Bytes& out, std::span<const std::byte> more) { out.insert(out.end(), more.begin(), more.end()); }

template <typename T>
void append(Bytes& out, const T& value) {
  join(out, std::as_bytes(std::span(&value, 1)));
}

template <typename T>
Bytes bytes_of(const T& value) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  return {bytes.begin(), bytes.end()};
}

/// Sets the byte at `at` so that the sum of `bytes` is zero.
inline void set_checksum(std::span<std::byte> bytes, std::size_t at) {
  bytes[at] = std::byte{0};
  const unsigned sum = std::accumulate(bytes.begin(), bytes.end(), 0U,
                                       [](unsigned so_far, std::byte byte) { return so_far + unsigned(byte); });
  bytes[at] = static_cast<std::byte>(-sum & 0xff);
}

}  // namespace vmm::table
