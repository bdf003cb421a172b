#include <fmt/format.h>

#include <algorithm>

#include "vmm/base/errors.hpp"
#include "vmm/cpu/entry_state.hpp"
#include "vmm/loader/formats.hpp"
#include "vmm/memory/layout.hpp"

namespace vmm {
namespace {

constexpr std::uint64_t kDummyIret = 0xfff53;  // where IBM's BIOS has it
constexpr std::uint8_t kIret = 0xcf;
constexpr std::uint32_t kVectorCount = 256;

constexpr std::uint64_t kUsualStack = 0x7c00;

}  // namespace

void write_real_mode_vectors(GuestMemory& memory) {
  constexpr auto kOffset = static_cast<std::uint32_t>(kDummyIret - layout::kBiosArea);
  constexpr auto kSegment = static_cast<std::uint32_t>(layout::kBiosArea >> 4);
  memory.store(kDummyIret, kIret);
  for (std::uint32_t vector = 0; vector < kVectorCount; ++vector) memory.store(vector * 4, kSegment << 16 | kOffset);
}

BootImage parse_flat(FileBytes file, std::uint64_t address) {
  if (address >= layout::kHighRam || file.size() > layout::kHighRam - address) {
    throw HostError(
        fmt::format("flat@{:#x}: {} bytes don't fit below 1 MiB, where real mode reaches", address, file.size()));
  }
  BootImage image;
  image.format = ImageFormat::kFlat;
  image.entry = address;
  image.segments.push_back({.physical = address, .link = address, .memory_size = file.size(), .bytes = file});
  return image;
}

CpuState place_flat(Placement& placement, const CpuState& reset) {
  CpuState state = real_mode_entry(reset, placement.image().entry);
  // The stack grows down from where it does no harm: below the image, or from the end of conventional memory.
  if (placement.image().entry >= kUsualStack) {
    state.gpr[kRsp] = kUsualStack;
  } else {
    Segment& stack = state.segments[kSs];
    stack.selector = 0x9000;
    stack.base = 0x90000;
    state.gpr[kRsp] = layout::kEbda - stack.base;
  }
  return state;
}

}  // namespace vmm
