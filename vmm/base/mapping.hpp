/// An mmap that unmaps itself. Moves, never copies.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

namespace vmm {

class Mapping {
 public:
  Mapping() = default;
  /// Anonymous zero pages, private to this process, not reserved against swap. Throws HostError.
  static Mapping anonymous(std::size_t size);
  /// `size` bytes of a file from its start, shared. Throws HostError.
  static Mapping of_file(int fd, std::size_t size, bool writable);

  Mapping(Mapping&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping();

  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }
  std::span<std::byte> bytes() const { return {data_, size_}; }

 private:
  Mapping(std::byte* data, std::size_t size) : data_(data), size_(size) {}
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace vmm
