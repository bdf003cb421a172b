#include "vmm/base/byte_reader.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "vmm/base/errors.hpp"

namespace vmm {

std::span<const std::byte> ByteReader::slice(std::uint64_t offset, std::uint64_t count, std::string_view field) const {
  if (!has(offset, count))
    fail(field, offset, fmt::format("{:#x} bytes wanted, but the end is at {:#x}", count, file_offset_ + size()));
  return bytes_.subspan(offset, count);
}

std::string_view ByteReader::cstring(std::uint64_t offset, std::string_view field) const {
  const auto rest = slice(offset, offset <= size() ? size() - offset : 1, field);
  const auto end = std::find(rest.begin(), rest.end(), std::byte{0});
  if (end == rest.end()) fail(field, offset, "text without an end");
  return {reinterpret_cast<const char*>(rest.data()), static_cast<std::size_t>(end - rest.begin())};
}

void ByteReader::fail(std::string_view field, std::uint64_t offset, const std::string& problem) const {
  throw LoadError(format_, field, file_offset_ + offset, problem);
}

}  // namespace vmm
