#include "vmm/debug/quiet_access.hpp"

#include <algorithm>

#include "vmm/cpu/page_walk.hpp"
#include "vmm/debug/instruction.hpp"

namespace vmm {

namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kCr4Smep = 1U << 20;
constexpr std::uint64_t kCr4Smap = 1U << 21;
constexpr std::uint64_t kCr4Pke = 1U << 22;
constexpr std::uint64_t kCr4Pks = 1U << 24;
constexpr std::uint64_t kLow32 = 0xffff'ffff;
// Of Segment::type (SDM 3A 3.4.5.1).
constexpr unsigned kCodeSegment = 8;
constexpr unsigned kExpandDown = 4;
constexpr unsigned kWritableOrReadable = 2;

bool has(std::uint64_t bits, std::uint64_t which) { return (bits & which) != 0; }

/// As far as the segment is concerned; in 64-bit mode it is not.
bool segment_allows(const CpuState& state, const WantedAccess& wanted) {
  if (mode_of(state) == CpuMode::kLong64) return true;
  const Segment& segment = state.segments.at(wanted.segment);
  const bool code = has(segment.type, kCodeSegment);
  if (segment.unusable || !segment.present || !segment.code_or_data || (!code && has(segment.type, kExpandDown))) {
    return false;
  }
  if (wanted.written && code) return false;
  if ((code || wanted.written) && !has(segment.type, kWritableOrReadable)) return false;
  return wanted.offset <= segment.limit && segment.limit - wanted.offset >= wanted.size - 1;
}

/// SDM 3A 4.6, without the cases that depend on more than the paging entries.
bool page_allows_data(const CpuState& state, const PageWalkResult& page, const WantedAccess& wanted) {
  if (!has(state.cr0, kCr0Pg)) return true;
  const bool user_mode = cpl_of(state) == 3;
  if (page.reserved || !page.accessed || (user_mode && !page.user)) return false;
  if (!user_mode && page.user && has(state.cr4, kCr4Smap)) return false;
  if (has(state.cr4, page.user ? kCr4Pke : kCr4Pks)) return false;
  return !wanted.written || (page.writable && page.dirty);
}

/// KVM remembers of a paging entry only what was present and accessed: without the one it is not valid, without the
/// other nothing came of it yet.
bool may_be_known_paging_entry(const CpuState& state, const GuestMemory& memory, std::uint64_t physical) {
  constexpr std::uint64_t kPresentAndAccessed = 0x21;
  const bool wide = has(state.efer, kEferLma) || has(state.cr4, kCr4Pae);
  const std::uint64_t size = wide ? 8 : 4;
  const auto entry = memory.load<std::uint8_t>(physical & ~(size - 1));
  return !entry || (*entry & kPresentAndAccessed) == kPresentAndAccessed;
}

/// No page is a stack and a paging structure at the same time.
bool on_stack_page(const CpuState& state, std::uint64_t linear) {
  const std::uint64_t top = segment_base(state, kSs) + state.gpr[kRsp] - 1;
  return top / kPage == linear / kPage;
}

}  // namespace

std::optional<DataAccess> quiet_data_access(const CpuState& state, const GuestMemory& memory,
                                            const PlantedBytes& planted, const WantedAccess& wanted) {
  if (!segment_allows(state, wanted)) return {};
  std::uint64_t linear = segment_base(state, wanted.segment) + wanted.offset;
  if (mode_of(state) != CpuMode::kLong64) linear &= kLow32;
  if (linear % kPage + wanted.size > kPage) return {};
  const auto page = walk(state, memory, linear);
  if (!page || !page_allows_data(state, *page, wanted)) return {};
  const bool backed =
      wanted.written ? memory.writable(page->physical, wanted.size) : memory.contains(page->physical, wanted.size);
  if (!backed) return {};
  if (wanted.written) {
    if (page->physical % wanted.size != 0 || planted.any_in(page->physical, wanted.size)) return {};
    if (!on_stack_page(state, linear) && may_be_known_paging_entry(state, memory, page->physical)) return {};
  }
  return DataAccess{.linear = linear,
                    .physical = page->physical,
                    .size = wanted.size,
                    .read = wanted.read,
                    .written = wanted.written};
}

std::size_t quiet_fetch(const CpuState& state, const GuestMemory& memory, const PlantedBytes& planted,
                        std::span<std::byte, kLongestInstruction> code) {
  const std::uint64_t pc = linear_pc(state);
  const auto page = walk(state, memory, pc);
  if (!page || !may_jump_to(state, state.rip)) return 0;
  const bool user_mode = cpl_of(state) == 3;
  if (has(state.cr0, kCr0Pg)) {
    if (page->reserved || page->no_execute || !page->accessed || (user_mode && !page->user)) return 0;
    if (!user_mode && page->user && has(state.cr4, kCr4Smep)) return 0;
  }
  const std::size_t size = std::min<std::uint64_t>(code.size(), kPage - pc % kPage);
  return read_linear(state, memory, planted, pc, code.first(size));
}

bool may_jump_to(const CpuState& state, std::uint64_t rip) {
  if (mode_of(state) != CpuMode::kLong64) return rip <= state.segments[kCs].limit;
  const unsigned upper = has(state.cr4, kCr4La57) ? 56 : 47;
  const auto sign = static_cast<std::int64_t>(rip) >> upper;
  return sign == 0 || sign == -1;
}

}  // namespace vmm
