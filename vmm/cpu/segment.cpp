#include "vmm/cpu/segment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>

#include "vmm/cpu/page_walk.hpp"

namespace vmm {
namespace {

constexpr std::uint8_t kTypeAccessed = 1;
constexpr std::uint8_t kTypeWritable = 2;    // of data
constexpr std::uint8_t kTypeReadable = 2;    // of code
constexpr std::uint8_t kTypeConforming = 4;  // of code
constexpr std::uint8_t kTypeCode = 8;

constexpr std::array<std::string_view, 6> kNames = {"CS", "SS", "DS", "ES", "FS", "GS"};

using Error = std::unexpected<std::string>;

Segment real_mode_segment(const CpuState& state, SegmentIndex which, std::uint16_t selector) {
  Segment segment = state.segments.at(which);
  if (mode_of(state) == CpuMode::kVm86) segment = {.type = 3, .dpl = 3};  // SDM 3C 26.3.1.2: fixed in VM86
  segment.selector = selector;
  segment.base = static_cast<std::uint64_t>(selector) << 4;
  segment.unusable = false;
  segment.present = true;
  return segment;
}

/// SDM 2B, "MOV": SS may be null in 64-bit mode below CPL 3, CS never.
std::expected<Segment, std::string> null_segment(const CpuState& state, SegmentIndex which, std::uint16_t selector) {
  const unsigned cpl = cpl_of(state);
  if (which == kCs) return Error("CS can't hold a null selector");
  if (which == kSs && !(mode_of(state) == CpuMode::kLong64 && cpl < 3 && (selector & 3U) == cpl)) {
    return Error("SS can hold a null selector only in 64-bit mode below CPL 3, with RPL equal to CPL");
  }
  // SS keeps the CPL in its DPL.
  const auto dpl = static_cast<std::uint8_t>(which == kSs ? cpl : 0);
  return Segment{
      .limit = 0, .selector = selector, .dpl = dpl, .present = false, .code_or_data = false, .unusable = true};
}

std::expected<std::uint64_t, std::string> fetch_descriptor(const CpuState& state, const GuestMemory& memory,
                                                           std::uint16_t selector) {
  const bool local = (selector & 4U) != 0;
  if (local && (state.ldt.unusable || !state.ldt.present)) {
    return Error(fmt::format("selector {:#x} is in the LDT, and none is loaded", selector));
  }
  const std::string_view table = local ? "LDT" : "GDT";
  const std::uint64_t base = local ? state.ldt.base : state.gdt.base;
  const std::uint64_t limit = local ? state.ldt.limit : state.gdt.limit;
  const std::uint64_t offset = selector & 0xfff8U;
  if (offset + 7 > limit) {
    return Error(fmt::format("selector {:#x} is beyond the limit {:#x} of the {}", selector, limit, table));
  }
  std::array<std::byte, 8> bytes{};
  if (read_linear(state, memory, base + offset, bytes) != bytes.size()) {
    return Error(fmt::format("the {} entry at {:#x} can't be read", table, base + offset));
  }
  return std::bit_cast<std::uint64_t>(bytes);
}

/// Empty when the CPU would load `segment` into `which`; else why not (SDM 3A 5.5, 5.7, 5.8.1).
std::string refusal(const CpuState& state, SegmentIndex which, const Segment& segment) {
  const unsigned cpl = cpl_of(state);
  const unsigned rpl = segment.selector & 3U;
  const bool code = (segment.type & kTypeCode) != 0;
  const bool conforming = code && (segment.type & kTypeConforming) != 0;
  const auto say = [&](std::string_view problem) {
    return fmt::format("selector {:#x} can't be loaded into {}: {}", segment.selector, kNames.at(which), problem);
  };
  if (!segment.code_or_data) return say("its descriptor is a system descriptor, not code or data");
  if (!segment.present) return say("its descriptor is not present");
  if (which == kCs) {
    if (!code) return say("it is not code");
    if (conforming ? segment.dpl > cpl : segment.dpl != cpl) return say("its DPL does not fit the CPL");
    if (rpl != cpl) return say("its RPL is not the CPL");
    if ((state.efer & kEferLma) != 0 && segment.l && segment.db) return say("its L and D bits are both set");
  } else if (which == kSs) {
    if (code || (segment.type & kTypeWritable) == 0) return say("it is not writable data");
    if (segment.dpl != cpl || rpl != cpl) return say("its DPL and RPL must equal the CPL");
  } else {
    if (code && (segment.type & kTypeReadable) == 0) return say("it is code that can't be read");
    if (!conforming && segment.dpl < std::max(cpl, rpl)) return say("its DPL is below the CPL or the RPL");
  }
  return {};
}

}  // namespace

Segment decode_descriptor(std::uint64_t descriptor, std::uint16_t selector) {
  const auto bit = [&](unsigned number) { return (descriptor >> number & 1) != 0; };
  Segment segment;
  segment.selector = selector;
  segment.base = (descriptor >> 16 & 0xffffff) | (descriptor >> 56 & 0xff) << 24;
  segment.limit = static_cast<std::uint32_t>((descriptor & 0xffff) | (descriptor >> 48 & 0xf) << 16);
  segment.type = static_cast<std::uint8_t>(descriptor >> 40 & 0xf);
  segment.code_or_data = bit(44);
  segment.dpl = static_cast<std::uint8_t>(descriptor >> 45 & 3);
  segment.present = bit(47);
  segment.avl = bit(52);
  segment.l = bit(53);
  segment.db = bit(54);
  segment.g = bit(55);
  if (segment.g) segment.limit = segment.limit << 12 | 0xfff;
  return segment;
}

std::expected<Segment, std::string> load_segment(const CpuState& state, const GuestMemory& memory, SegmentIndex which,
                                                 std::uint16_t selector) {
  const CpuMode mode = mode_of(state);
  if (mode == CpuMode::kReal || mode == CpuMode::kVm86) return real_mode_segment(state, which, selector);
  if ((selector & 0xfffcU) == 0) return null_segment(state, which, selector);
  const auto descriptor = fetch_descriptor(state, memory, selector);
  if (!descriptor) return Error(descriptor.error());
  Segment segment = decode_descriptor(*descriptor, selector);
  if (std::string why = refusal(state, which, segment); !why.empty()) return Error(std::move(why));
  segment.type |= kTypeAccessed;
  return segment;
}

}  // namespace vmm
