/// Guest memory while an image is placed: the segments are in it, and boot data finds room between them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "vmm/loader/boot_image.hpp"
#include "vmm/memory/layout.hpp"

namespace vmm {

class Placement {
 public:
  /// Checks and writes the segments. `memory` is zero before. Throws LoadError that says how much memory is needed.
  Placement(const BootImage& image, GuestMemory& memory);

  enum class Where : std::uint8_t {
    kLow,  ///< down from the end of conventional memory: out of the way of a guest that fills memory behind its image
    kAboveImage,  ///< the first room behind the image
    kHigh,        ///< down from the end of RAM below 3 GiB
  };
  /// Zero bytes for boot data, below 3 GiB and below `below`. `align` is a power of two. Throws LoadError that names
  /// `what`.
  std::uint64_t allocate(std::uint64_t size, std::uint64_t align, Where where, std::string_view what,
                         std::uint64_t below = layout::kPciHole);
  std::uint64_t put(std::span<const std::byte> bytes, std::uint64_t align, Where where, std::string_view what,
                    std::uint64_t below = layout::kPciHole);
  /// With its NUL, low.
  std::uint64_t put_text(const std::string& text, std::string_view what);
  template <typename T>
  std::uint64_t put_array(std::span<const T> items, std::string_view what) {
    return put(std::as_bytes(items), 16, Where::kLow, what);
  }

  const BootImage& image() const { return image_; }
  GuestMemory& memory() { return memory_; }

 private:
  struct Window {
    std::uint64_t begin;
    std::uint64_t end;
    bool from_top;
  };
  void take(std::uint64_t begin, std::uint64_t end);
  bool find(const Window& window, std::uint64_t size, std::uint64_t align, std::uint64_t& address) const;

  const BootImage& image_;
  GuestMemory& memory_;
  std::map<std::uint64_t, std::uint64_t> taken_;  // begin → end; disjoint, neighbours merged
  std::uint64_t image_end_ = 0;                   // below 3 GiB
};

}  // namespace vmm
