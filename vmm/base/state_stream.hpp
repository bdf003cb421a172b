/// Device state as bytes: little endian, each field in the order written. A reader that runs out or finds a wrong tag
/// throws HostError ("the snapshot is damaged"), never reads beyond.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace vmm {

class StateWriter {
 public:
  /// Names the section that follows, so that a reader which is out of step notices.
  void tag(std::string_view name);
  template <typename T>
    requires std::is_trivially_copyable_v<T>
  void put(const T& value) {
    const auto* first = reinterpret_cast<const std::byte*>(&value);
    bytes_.insert(bytes_.end(), first, first + sizeof value);
  }
  void put_bytes(std::span<const std::byte> bytes);  ///< length first

  const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

class StateReader {
 public:
  explicit StateReader(std::span<const std::byte> bytes) : rest_(bytes) {}
  void tag(std::string_view name);
  template <typename T>
    requires std::is_trivially_copyable_v<T>
  T get() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::vector<std::byte> get_bytes();
  bool at_end() const { return rest_.empty(); }

 private:
  std::span<const std::byte> take(std::size_t count);
  std::span<const std::byte> rest_;
};

}  // namespace vmm
