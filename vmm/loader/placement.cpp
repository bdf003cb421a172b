#include "vmm/loader/placement.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "vmm/base/errors.hpp"
#include "vmm/memory/layout.hpp"

namespace vmm {
namespace {

// Below are the real-mode vectors and the BIOS data area.
constexpr std::uint64_t kFirstFree = 0x1000;

std::uint64_t mebibytes(std::uint64_t bytes) { return (bytes + layout::kMiB - 1) / layout::kMiB; }

/// Why [begin, end) is not in memory, and what to do about it.
std::string why_outside(const ImageSegment& segment, std::uint64_t end) {
  const std::string range = fmt::format("[{:#x}, {:#x})", segment.physical, end);
  if (segment.physical < layout::kHighRam && end > layout::kLowRamEnd) {
    return fmt::format("{} reaches into the PC's hole below 1 MiB", range);
  }
  if (end <= layout::kPciHole) return fmt::format("{} is beyond RAM: use -m {}M or more", range, mebibytes(end));
  if (segment.physical < layout::kAbove4G)
    return fmt::format("{} reaches into the hole from 3 to 4 GiB, which has no RAM", range);
  if (segment.physical == segment.link && segment.physical >> 47 != 0) {
    return fmt::format("{} is a virtual address: give the segments physical ones (AT() in the linker script)", range);
  }
  const std::uint64_t moved = layout::kAbove4G - layout::kPciHole;
  return fmt::format("{} is beyond RAM: use -m {}M or more", range, mebibytes(end - moved));
}

}  // namespace

Placement::Placement(const BootImage& image, GuestMemory& memory) : image_(image), memory_(memory) {
  for (const ImageSegment& segment : image.segments) {
    const std::uint64_t end = segment.physical + segment.memory_size;  // parsers refuse what wraps
    if (!memory.contains(segment.physical, segment.memory_size)) {
      throw LoadError(name_of(image.format), "segment", segment.file_offset, why_outside(segment, end));
    }
    memory.write(segment.physical, segment.bytes);
    take(segment.physical, end);
    if (end <= layout::kPciHole) image_end_ = std::max(image_end_, end);
  }
}

std::uint64_t Placement::allocate(std::uint64_t size, std::uint64_t align, Where where, std::string_view what,
                                  std::uint64_t below) {
  const std::uint64_t top = std::min({memory_.ram_end(), layout::kPciHole, below});
  const Window low{kFirstFree, std::min(layout::kEbda, below), true};
  const Window high{layout::kHighRam, top, true};
  const Window behind_image{std::max(image_end_, layout::kHighRam), top, false};
  const Window first{layout::kHighRam, top, false};
  const std::array<Window, 2> windows = where == Where::kLow          ? std::array{low, high}
                                        : where == Where::kAboveImage ? std::array{behind_image, first}
                                                                      : std::array{high, low};
  std::uint64_t address = 0;
  const auto fits = [&](const Window& window) {
    return find(window, std::max<std::uint64_t>(size, 1), align, address);
  };
  if (!std::ranges::any_of(windows, fits)) {
    const bool more_helps = top == memory_.ram_end();
    throw LoadError(name_of(image_.format), what, 0,
                    fmt::format("no room for its {:#x} bytes below {} MiB{}", size, mebibytes(top),
                                more_helps ? ": use a larger -m" : ""));
  }
  take(address, address + std::max<std::uint64_t>(size, 1));
  return address;
}

std::uint64_t Placement::put(std::span<const std::byte> bytes, std::uint64_t align, Where where, std::string_view what,
                             std::uint64_t below) {
  const std::uint64_t address = allocate(bytes.size(), align, where, what, below);
  memory_.write(address, bytes);
  return address;
}

std::uint64_t Placement::put_text(const std::string& text, std::string_view what) {
  return put(std::as_bytes(std::span(text.c_str(), text.size() + 1)), 1, Where::kLow, what);
}

void Placement::take(std::uint64_t begin, std::uint64_t end) {
  if (begin == end) return;
  const auto next = taken_.find(end);
  if (next != taken_.end()) {
    end = next->second;
    taken_.erase(next);
  }
  const auto after = taken_.lower_bound(begin);
  if (after != taken_.begin() && std::prev(after)->second == begin) {
    std::prev(after)->second = end;
  } else {
    taken_[begin] = end;
  }
}

bool Placement::find(const Window& window, std::uint64_t size, std::uint64_t align, std::uint64_t& address) const {
  std::optional<std::uint64_t> best;
  const auto consider = [&](std::uint64_t begin, std::uint64_t end) {
    begin = (std::max(begin, window.begin) + align - 1) & ~(align - 1);
    end = std::min(end, window.end);
    if (begin >= end || end - begin < size) return;
    if (window.from_top) {
      best = (end - size) & ~(align - 1);
    } else if (!best) {
      best = begin;
    }
  };
  std::uint64_t free_from = 0;
  for (const auto& [begin, end] : taken_) {
    consider(free_from, begin);
    free_from = end;
  }
  consider(free_from, window.end);
  if (best) address = *best;
  return best.has_value();
}

}  // namespace vmm
