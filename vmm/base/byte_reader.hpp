/// Untrusted bytes of an image: every access is checked, and what does not fit is a LoadError that names the field.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace vmm {

/// A view: the caller keeps bytes and format name alive. Offsets are relative to the reader; errors tell those of the
/// file.
class ByteReader {
 public:
  /// `file_offset` is where `bytes` start in the file.
  ByteReader(std::span<const std::byte> bytes, std::string_view format, std::uint64_t file_offset = 0)
      : bytes_(bytes), format_(format), file_offset_(file_offset) {}

  std::uint64_t size() const { return bytes_.size(); }
  std::uint64_t file_offset() const { return file_offset_; }
  bool has(std::uint64_t offset, std::uint64_t count) const {
    return offset <= bytes_.size() && count <= bytes_.size() - offset;
  }

  /// A little-endian number. Throws LoadError, as all below.
  template <std::unsigned_integral T>
  T load(std::uint64_t offset, std::string_view field) const {
    T value;
    std::memcpy(&value, slice(offset, sizeof value, field).data(), sizeof value);
    return value;
  }
  std::span<const std::byte> slice(std::uint64_t offset, std::uint64_t count, std::string_view field) const;
  /// The text from `offset` up to its NUL, which must be inside.
  std::string_view cstring(std::uint64_t offset, std::string_view field) const;
  ByteReader part(std::uint64_t offset, std::uint64_t count, std::string_view field) const {
    return {slice(offset, count, field), format_, file_offset_ + offset};
  }
  [[noreturn]] void fail(std::string_view field, std::uint64_t offset, const std::string& problem) const;

 private:
  std::span<const std::byte> bytes_;
  std::string_view format_;
  std::uint64_t file_offset_;
};

}  // namespace vmm
