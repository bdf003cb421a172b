#include "vmm/memory/guest_memory.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>

#include "vmm/base/errors.hpp"
#include "vmm/memory/layout.hpp"

namespace vmm {
namespace {

constexpr std::uint64_t kPage = 4 * layout::kKiB;
// Guest-physical addresses stay inside 46 bits, which every 64-bit host can back.
constexpr std::uint64_t kMaxRam = (1ULL << 46) - layout::kGiB;

std::uint64_t checked_size(std::uint64_t size) {
  if (size < layout::kMinRam || size > kMaxRam) {
    throw HostError(
        fmt::format("a guest needs from 1 MiB to {} GiB of memory, not {} bytes", kMaxRam / layout::kGiB, size));
  }
  return (size + kPage - 1) / kPage * kPage;
}

const GuestMemory::Region* find(std::span<const GuestMemory::Region> regions, std::uint64_t address) {
  const auto after =
      std::upper_bound(regions.begin(), regions.end(), address,
                       [](std::uint64_t wanted, const GuestMemory::Region& region) { return wanted < region.base; });
  if (after == regions.begin()) return nullptr;
  const GuestMemory::Region& region = *std::prev(after);
  return address - region.base < region.size ? &region : nullptr;
}

/// memcpy of a size that is known here is one move; of any other it may write bytes twice, and undo by that what
/// another CPU did in between.
void move_bytes(std::byte* to, const std::byte* from, std::uint64_t count) {
  switch (count) {
    case 1: std::memcpy(to, from, 1); return;
    case 2: std::memcpy(to, from, 2); return;
    case 4: std::memcpy(to, from, 4); return;
    case 8: std::memcpy(to, from, 8); return;
    default: std::memcpy(to, from, count);
  }
}

/// Calls visit(host bytes, bytes done so far, count) for each backed piece, up to the first hole; returns the bytes
/// done.
template <typename Visit>
std::uint64_t for_pieces(std::span<const GuestMemory::Region> regions, std::uint64_t address, std::uint64_t size,
                         Visit visit) {
  std::uint64_t done = 0;
  while (done < size) {
    const GuestMemory::Region* region = find(regions, address + done);
    if (region == nullptr) break;
    const std::uint64_t offset = address + done - region->base;
    const std::uint64_t count = std::min(size - done, region->size - offset);
    visit(region->host + offset, done, count);
    done += count;
  }
  return done;
}

}  // namespace

GuestMemory::GuestMemory(std::uint64_t ram_size, std::uint64_t rom_size) : ram_size_(checked_size(ram_size)) {
  VMM_CHECK(rom_size <= layout::kMostRom && rom_size % layout::kRomGranule == 0);
  const std::uint64_t low_end = std::min(ram_size_, layout::kPciHole);
  std::byte* low = mappings_.emplace_back(Mapping::anonymous(low_end)).data();
  const auto add = [&](std::uint64_t base, std::uint64_t end, bool ram) {
    if (base < end) regions_.push_back({base, end - base, low + base, ram});
  };
  add(0, layout::kLowRamEnd, true);
  add(layout::kVgaText, layout::kVgaTextEnd, false);
  add(rom_size > 0 ? layout::kOptionRoms : layout::kBiosArea, layout::kHighRam, false);
  add(layout::kHighRam, low_end, true);
  if (rom_size > 0) {
    const auto& rom = mappings_.emplace_back(Mapping::anonymous(rom_size));
    regions_.push_back({layout::kAbove4G - rom_size, rom_size, rom.data(), false, true});
  }
  if (ram_size_ > low_end) {
    const auto& high = mappings_.emplace_back(Mapping::anonymous(ram_size_ - low_end));
    regions_.push_back({layout::kAbove4G, high.size(), high.data(), true});
  }
}

std::uint64_t GuestMemory::ram_end() const {
  // The text buffer and the BIOS area are the last regions of a guest with 1 MiB.
  const auto last = std::find_if(regions_.rbegin(), regions_.rend(), [](const Region& region) { return region.ram; });
  return last->base + last->size;
}

std::size_t GuestMemory::read(std::uint64_t address, std::span<std::byte> out) const {
  return for_pieces(regions_, address, out.size(), [&](std::byte* host, std::uint64_t done, std::uint64_t count) {
    move_bytes(out.data() + done, host, count);
  });
}

std::size_t GuestMemory::write(std::uint64_t address, std::span<const std::byte> data) {
  return for_pieces(regions_, address, data.size(), [&](std::byte* host, std::uint64_t done, std::uint64_t count) {
    move_bytes(host, data.data() + done, count);
  });
}

bool GuestMemory::contains(std::uint64_t address, std::uint64_t size) const {
  return for_pieces(regions_, address, size, [](std::byte*, std::uint64_t, std::uint64_t) {}) == size;
}

bool GuestMemory::writable(std::uint64_t address, std::uint64_t size) const {
  return contains(address, size) && std::ranges::none_of(regions_, [&](const Region& region) {
           return region.read_only && region.base < address + size && address < region.base + region.size;
         });
}

void GuestMemory::clear() {
  // Gives the pages back to the host; they read as zero from now on.
  for (const Mapping& mapping : mappings_) {
    if (::madvise(mapping.data(), mapping.size(), MADV_DONTNEED) != 0) std::memset(mapping.data(), 0, mapping.size());
  }
}

}  // namespace vmm
