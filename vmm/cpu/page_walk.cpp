#include "vmm/cpu/page_walk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <set>
#include <utility>

namespace vmm {
namespace {

constexpr std::uint64_t kPresent = 1U << 0;
constexpr std::uint64_t kWritable = 1U << 1;
constexpr std::uint64_t kUser = 1U << 2;
constexpr std::uint64_t kAccessed = 1U << 5;
constexpr std::uint64_t kDirty = 1U << 6;
constexpr std::uint64_t kLargePage = 1U << 7;
constexpr std::uint64_t kNoExecute = 1ULL << 63;
constexpr std::uint64_t kAddressMask = 0x000f'ffff'ffff'f000;
constexpr std::uint64_t kLow32 = 0xffff'ffff;

struct Level {
  unsigned shift;  ///< of the lowest linear address bit that indexes this table
  unsigned index_bits;
  bool may_map;          ///< an entry with PS maps a page of 1 << shift bytes
  bool has_permissions;  ///< false: PDPTEs of PAE have neither R/W nor U/S
};

/// One paging mode of SDM 3A 4.1.1; levels from the top, the last is always the page table.
struct PagingMode {
  std::span<const Level> levels;
  unsigned entry_size;
  std::uint64_t root_mask;  ///< CR3 bits that are the top table's address
  unsigned linear_bits;
};

constexpr std::array<Level, 5> kLongLevels = {
    {{48, 9, false, true}, {39, 9, false, true}, {30, 9, true, true}, {21, 9, true, true}, {12, 9, false, true}}};
constexpr std::array<Level, 3> kPaeLevels = {{{30, 2, false, false}, {21, 9, true, true}, {12, 9, false, true}}};
constexpr std::array<Level, 2> kPseLevels = {{{22, 10, true, true}, {12, 10, false, true}}};
constexpr std::array<Level, 2> kPlainLevels = {{{22, 10, false, true}, {12, 10, false, true}}};

PagingMode paging_mode(const CpuState& state) {
  const bool pae = (state.cr4 & kCr4Pae) != 0;
  if ((state.efer & kEferLma) != 0) {
    const bool five = (state.cr4 & kCr4La57) != 0;
    return {std::span(kLongLevels).subspan(five ? 0 : 1), 8, kAddressMask, five ? 57U : 48U};
  }
  if (pae) return {kPaeLevels, 8, 0xffff'ffe0, 32};
  return {(state.cr4 & kCr4Pse) != 0 ? kPseLevels : kPlainLevels, 4, 0xffff'f000, 32};
}

std::optional<std::uint64_t> load_entry(const GuestMemory& memory, std::uint64_t address, unsigned size) {
  if (size == 8) return memory.load<std::uint64_t>(address);
  return memory.load<std::uint32_t>(address);
}

/// Where the page starts that `entry` maps.
std::uint64_t page_base(std::uint64_t entry, std::uint64_t page_size, const PagingMode& mode) {
  std::uint64_t base = entry & kAddressMask;
  if (mode.entry_size == 4 && page_size > 4096) {
    base |= (entry >> 13 & 0xff) << 32;  // PSE-36: bits 39:32 are in 20:13 (SDM 3A table 4-4)
  }
  return base & ~(page_size - 1);
}

/// The bits that must be clear in a present entry of a table with `level` (SDM 3A 4.3 to 4.5), those beyond the
/// physical address width apart: they lead outside memory.
std::uint64_t reserved_bits(const CpuState& state, const PagingMode& mode, const Level& level, bool maps) {
  constexpr std::uint64_t kPaeUpper = 0x7ff0'0000'0000'0000;
  constexpr unsigned kFirstReserved = 13;  // of a large page's address; bit 12 is PAT
  std::uint64_t bits = 0;
  if (mode.entry_size == 4) return maps && level.may_map ? 1U << 21 : 0;
  if (!level.has_permissions) return 0;  // what PAE's top table may hold was checked when CR3 was loaded
  if ((state.efer & kEferNxe) == 0) bits |= kNoExecute;
  if ((state.efer & kEferLma) == 0) bits |= kPaeUpper;
  if (maps && level.may_map) bits |= (1ULL << level.shift) - (1ULL << kFirstReserved);
  if (!maps && !level.may_map) bits |= kLargePage;
  return bits;
}

bool canonical(std::uint64_t linear, unsigned bits) {
  const auto upper = static_cast<std::int64_t>(linear) >> (bits - 1);
  return upper == 0 || upper == -1;
}

/// Copies page by page; `copy` gets physical address, bytes done and count, and returns how many it did.
template <typename Copy>
std::size_t for_pages(const CpuState& state, const GuestMemory& memory, std::uint64_t address, std::size_t size,
                      Copy copy) {
  std::size_t done = 0;
  while (done < size) {
    const auto page = walk(state, memory, address + done);
    if (!page) break;
    const std::uint64_t rest = page->page_size - (page->physical & (page->page_size - 1));
    const std::size_t count = std::min<std::uint64_t>(size - done, rest);
    const std::size_t copied = copy(page->physical, done, count);
    done += copied;
    if (copied < count) break;
  }
  return done;
}

}  // namespace

std::string describe(const PageFault& fault) {
  static constexpr std::array<std::string_view, 6> kTables = {
      "", "page table", "page directory", "page-directory-pointer table", "page-map level 4", "page-map level 5"};
  const std::string_view table = kTables.at(static_cast<std::size_t>(fault.level));
  switch (fault.reason) {
    case PageFault::Reason::kNotCanonical: return "not a canonical address";
    case PageFault::Reason::kNotPresent: return fmt::format("not present in the {}", table);
    case PageFault::Reason::kTableOutsideMemory: return fmt::format("the {} is outside guest memory", table);
  }
  return {};
}

std::expected<PageWalkResult, PageFault> walk(const CpuState& state, const GuestMemory& memory, std::uint64_t linear) {
  if ((state.efer & kEferLma) == 0) linear &= kLow32;
  PageWalkResult result{.physical = linear};
  if ((state.cr0 & kCr0Pg) == 0) return result;

  const PagingMode mode = paging_mode(state);
  if (mode.linear_bits > 32 && !canonical(linear, mode.linear_bits)) {
    return std::unexpected(PageFault{PageFault::Reason::kNotCanonical});
  }
  std::uint64_t table = state.cr3 & mode.root_mask;
  int level_number = static_cast<int>(mode.levels.size());
  for (const Level& level : mode.levels) {
    const std::uint64_t index = linear >> level.shift & ((1U << level.index_bits) - 1);
    const auto entry = load_entry(memory, table + index * mode.entry_size, mode.entry_size);
    if (!entry) return std::unexpected(PageFault{PageFault::Reason::kTableOutsideMemory, level_number});
    if ((*entry & kPresent) == 0) return std::unexpected(PageFault{PageFault::Reason::kNotPresent, level_number});
    const bool maps = level_number == 1 || (level.may_map && (*entry & kLargePage) != 0);
    result.reserved = result.reserved || (*entry & reserved_bits(state, mode, level, maps)) != 0;
    if (level.has_permissions) {
      result.accessed = result.accessed && (*entry & kAccessed) != 0;
      result.writable = result.writable && (*entry & kWritable) != 0;
      result.user = result.user && (*entry & kUser) != 0;
      result.no_execute = result.no_execute || ((*entry & kNoExecute) != 0 && (state.efer & kEferNxe) != 0);
    }
    if (maps) {
      result.dirty = (*entry & kDirty) != 0;
      result.page_size = 1ULL << level.shift;
      result.physical = page_base(*entry, result.page_size, mode) | (linear & (result.page_size - 1));
      return result;
    }
    table = *entry & kAddressMask;
    --level_number;
  }
  return result;  // not reached: the last level maps
}

namespace {

constexpr std::uint64_t kTableSize = 4096;

std::uint64_t page_of(std::uint64_t table) { return table & ~(kTableSize - 1); }

/// Tables by the level they were found at: a recursive mapping makes one page a table of several levels. Modes share
/// no levels, but for four of the five. PAE's top tables have 32 bytes, so one page may hold many.
using TablesFound = std::set<std::pair<const Level*, std::uint64_t>>;

/// A large page's entry, or one of a page table, leads to no further table.
template <typename Entry>
void add_tables(const GuestMemory& memory, const PagingMode& mode, std::size_t level, std::uint64_t table,
                TablesFound& found) {
  if (!memory.contains(page_of(table), kTableSize) || !found.emplace(&mode.levels[level], table).second) return;
  if (level + 1 == mode.levels.size()) return;
  std::array<Entry, kTableSize / sizeof(Entry)> buffer{};
  const auto entries = std::span(buffer).first(std::size_t{1} << mode.levels[level].index_bits);
  memory.read(table, std::as_writable_bytes(entries));
  const std::uint64_t looked_at = mode.levels[level].may_map ? kPresent | kLargePage : kPresent;
  for (const Entry entry : entries) {
    if ((entry & looked_at) == kPresent) add_tables<Entry>(memory, mode, level + 1, entry & kAddressMask, found);
  }
}

}  // namespace

std::vector<std::uint64_t> table_pages(std::span<const CpuState> roots, const GuestMemory& memory) {
  TablesFound found;
  for (const CpuState& root : roots) {
    if ((root.cr0 & kCr0Pg) == 0) continue;
    const PagingMode mode = paging_mode(root);
    const auto add = mode.entry_size == 8 ? add_tables<std::uint64_t> : add_tables<std::uint32_t>;
    add(memory, mode, 0, root.cr3 & mode.root_mask, found);
  }
  std::vector<std::uint64_t> pages;
  for (const auto& [level, table] : found) pages.push_back(page_of(table));
  std::ranges::sort(pages);
  const auto repeated = std::ranges::unique(pages);
  pages.erase(repeated.begin(), repeated.end());
  return pages;
}

std::vector<LinearPiece> linear_pieces(const CpuState& state, const GuestMemory& memory, std::uint64_t address,
                                       std::size_t size) {
  std::vector<LinearPiece> pieces;
  for_pages(state, memory, address, size, [&](std::uint64_t physical, std::size_t, std::size_t count) {
    if (!memory.contains(physical, count)) return std::size_t{0};
    pieces.push_back({physical, count});
    return count;
  });
  return pieces;
}

std::size_t read_linear(const CpuState& state, const GuestMemory& memory, std::uint64_t address,
                        std::span<std::byte> out) {
  return for_pages(state, memory, address, out.size(),
                   [&](std::uint64_t physical, std::size_t done, std::size_t count) {
                     return memory.read(physical, out.subspan(done, count));
                   });
}

std::size_t write_linear(const CpuState& state, GuestMemory& memory, std::uint64_t address,
                         std::span<const std::byte> data) {
  return for_pages(state, memory, address, data.size(),
                   [&](std::uint64_t physical, std::size_t done, std::size_t count) {
                     return memory.write(physical, data.subspan(done, count));
                   });
}

std::size_t read_linear(const CpuState& state, const GuestMemory& memory, const PlantedBytes& planted,
                        std::uint64_t address, std::span<std::byte> out) {
  return for_pages(state, memory, address, out.size(),
                   [&](std::uint64_t physical, std::size_t done, std::size_t count) {
                     const auto part = out.subspan(done, count);
                     const std::size_t read = memory.read(physical, part);
                     planted.hide(physical, part.first(read));
                     return read;
                   });
}

std::size_t write_linear(const CpuState& state, const GuestMemory& memory, PlantedBytes& planted, std::uint64_t address,
                         std::span<const std::byte> data) {
  return for_pages(state, memory, address, data.size(),
                   [&](std::uint64_t physical, std::size_t done, std::size_t count) {
                     return planted.write_under(physical, data.subspan(done, count));
                   });
}

}  // namespace vmm
