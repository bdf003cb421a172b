#include "vmm/debug/watch_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <iterator>
#include <optional>
#include <utility>

#include "vmm/cpu/page_walk.hpp"

namespace vmm {

namespace {

using Kind = kvm::DebugRegister::Kind;
using Mechanism = Breakpoint::Mechanism;
using Traps = kvm::ProtectedPage::Traps;

constexpr std::uint64_t kPageSize = kvm::kProtectedPageSize;

/// Watchpoints that share registers.
struct Run {
  std::uint64_t first;
  std::uint64_t last;  ///< byte: what ends with the address space has no address behind it
  std::vector<std::size_t> rows;
};

/// Writes may share where they overlap or touch, as the bytes tell afterwards whose they were, once these are known.
/// Reads tell nothing, so only equal ranges share.
std::vector<Run> merged(const Plan& plan, bool reads) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < plan.rows.size(); ++i) {
    const gdb::BreakpointSpec& spec = plan.rows[i].spec;
    if (is_watch(spec) && watches_reads(spec) == reads) order.push_back(i);
  }
  std::ranges::sort(order, {},
                    [&](std::size_t i) { return std::pair(plan.rows[i].spec.address, plan.rows[i].spec.kind); });
  std::vector<Run> runs;
  for (const std::size_t i : order) {
    const Breakpoint& row = plan.rows[i];
    const std::uint64_t first = row.spec.address;
    const std::uint64_t last = first + row.spec.kind - 1;
    const auto joins = [&](const Run& run) {
      if (reads) return run.first == first && run.last == last;
      const bool touches = first <= run.last || first - run.last == 1;
      return touches && !row.pieces.empty() && !plan.rows[run.rows.back()].pieces.empty();
    };
    if (runs.empty() || !joins(runs.back())) {
      runs.push_back({first, last, {i}});
    } else {
      runs.back().last = std::max(runs.back().last, last);
      runs.back().rows.push_back(i);
    }
  }
  return runs;
}

/// Those that watch a byte of what the register covers.
std::vector<std::size_t> owners_of(const kvm::DebugRegister& covers, const Plan& plan, const Run& run) {
  std::vector<std::size_t> owners;
  std::ranges::copy_if(run.rows, std::back_inserter(owners), [&](std::size_t i) {
    const gdb::BreakpointSpec& spec = plan.rows[i].spec;
    return spec.address - covers.address < covers.length || covers.address - spec.address < spec.kind;
  });
  return owners;
}

/// What the registers hold when all of `run` goes into them; false when too few are free.
bool give_registers(Plan& plan, const Run& run, Kind kind) {
  std::vector<kvm::DebugRegister> wanted = registers_for(kind, run.first, run.last - run.first + 1);
  // A write that changes nothing watched is told to nobody, so a register may cover more.
  const std::uint64_t aligned = run.first & ~std::uint64_t{7};
  const std::uint64_t wide = (run.last - aligned) / 8 + 1;
  const bool known = !plan.rows[run.rows.front()].pieces.empty();
  bool wider = false;
  if (kind == Kind::kWrite && known && wide < wanted.size()) {
    wanted = registers_for(kind, aligned, wide * 8);
    wider = true;
  }
  std::vector<std::size_t> free;
  for (std::size_t i = 0; i < Plan::kRegisters; ++i) {
    if (!plan.registers.at(i)) free.push_back(i);
  }
  if (free.size() < wanted.size()) return false;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    plan.registers.at(free[i]) = wanted[i];
    plan.owners.at(free[i]) = owners_of(wanted[i], plan, run);
    plan.compared.at(free[i]) = kind == Kind::kWrite && (wider || plan.owners.at(free[i]).size() > 1);
  }
  for (const std::size_t row : run.rows) plan.rows[row].mechanism = Mechanism::kDebugRegister;
  return true;
}

void locate(Breakpoint& row, const WatchContext& context) {
  for (const CpuState* state : context.states) {
    std::vector<LinearPiece> pieces = linear_pieces(*state, context.memory, row.spec.address, row.spec.kind);
    std::uint64_t size = 0;
    for (const LinearPiece& piece : pieces) size += piece.size;
    if (size < row.spec.kind) continue;
    row.pieces = std::move(pieces);
    return;
  }
}

std::vector<std::uint64_t> pages_of(const Breakpoint& row) {
  std::vector<std::uint64_t> pages;
  for (const LinearPiece& piece : row.pieces) {
    for (std::uint64_t page = kvm::page_of(piece.physical); page < piece.physical + piece.size; page += kPageSize) {
      pages.push_back(page);
    }
  }
  return pages;
}

/// Why its pages can't be protected; empty when they can.
std::string obstacle(const Breakpoint& row, const WatchContext& context, HeldPages& held) {
  const bool reads = watches_reads(row.spec);
  if (!(reads ? context.host.protect_all : context.host.protect_writes)) {
    return reads ? "this host's KVM cannot show reads" : "this host's KVM cannot show writes";
  }
  for (const CpuState* state : context.states) {
    const auto place = walk(*state, context.memory, row.spec.address);
    if (place && place->user && !context.host.protect_writes_user)
      return "this host's KVM cannot show writes of user mode";
  }
  for (const std::uint64_t page : pages_of(row)) {
    if (const auto holder = held.likely_holder_of(page)) return "its page holds " + *holder;
    if (!reads) continue;
    for (const CpuState* state : context.states) {
      const auto code = walk(*state, context.memory, linear_pc(*state));
      if (code && kvm::page_of(code->physical) == page) return "its page holds code";
    }
  }
  return {};
}

/// A call ends right before this linear address (SDM 2A, CALL: E8 cd; FF /2).
bool behind_call(std::uint64_t address, const CpuState& state, const GuestMemory& memory) {
  constexpr std::uint64_t kLongest = 7;
  if (address < kLongest) return false;
  std::array<std::uint8_t, kLongest> code{};
  const auto bytes = std::as_writable_bytes(std::span(code));
  if (read_linear(state, memory, address - kLongest, bytes) != kLongest) return false;
  if (code[2] == 0xe8) return true;
  for (const std::size_t length : {2U, 3U, 6U, 7U}) {
    if (code.at(kLongest - length) == 0xff && (code.at(kLongest - length + 1) & 0x38U) == 0x10) return true;
  }
  return false;
}

template <typename Word>
bool holds_return_address(std::uint64_t page, const CpuState& state, const GuestMemory& memory) {
  std::array<Word, kPageSize / sizeof(Word)> words{};
  memory.read(page, std::as_writable_bytes(std::span(words)));
  return std::ranges::any_of(words, [&](Word word) {
    const std::uint64_t address = word;
    if (address < kPageSize) return false;
    const auto place = walk(state, memory, address);
    return place && !place->no_execute && behind_call(address, state, memory);
  });
}

/// Of some task that does not run now. In real mode every number is an address.
bool looks_like_stack(std::uint64_t page, const CpuState& state, const GuestMemory& memory) {
  if ((state.cr0 & kCr0Pe) == 0) return true;
  const bool long_mode = (state.efer & kEferLma) != 0;
  return long_mode ? holds_return_address<std::uint64_t>(page, state, memory)
                   : holds_return_address<std::uint32_t>(page, state, memory);
}

void add_ranges(Plan& plan, std::size_t index) {
  const Breakpoint& row = plan.rows[index];
  for (const LinearPiece& piece : row.pieces) {
    plan.ranges.push_back({.id = static_cast<unsigned>(index),
                           .first = piece.physical,
                           .size = piece.size,
                           .reads = watches_reads(row.spec),
                           .writes = row.spec.type != gdb::BreakpointType::kReadWatch,
                           .guests = row.mechanism != Mechanism::kCompare});
  }
}

void protect(Plan& plan, std::size_t index) {
  const Breakpoint& row = plan.rows[index];
  const bool reads = watches_reads(row.spec);
  for (const std::uint64_t page : pages_of(row)) {
    const auto present = std::ranges::find(plan.pages, page, &kvm::ProtectedPage::physical);
    if (present == plan.pages.end()) {
      plan.pages.push_back({.physical = page, .traps = reads ? Traps::kAll : Traps::kWrites});
    } else if (reads) {
      present->traps = Traps::kAll;
    }
  }
}

}  // namespace

std::vector<kvm::DebugRegister> registers_for(Kind kind, std::uint64_t first, std::uint64_t size) {
  std::vector<kvm::DebugRegister> pieces;
  // More than five are more than there are: no need to go on.
  while (size > 0 && pieces.size() <= Plan::kRegisters) {
    const std::uint64_t aligned = first == 0 ? 8 : std::uint64_t{1} << std::min(std::countr_zero(first), 3);
    const std::uint64_t length = std::min(aligned, std::bit_floor(std::min<std::uint64_t>(size, 8)));
    pieces.push_back({.kind = kind, .length = static_cast<std::uint8_t>(length), .address = first});
    first += length;
    size -= length;
  }
  return pieces;
}

HeldPages::Known HeldPages::find() const {
  Known known;
  for (std::size_t i = 0; i < context_.states.size(); ++i) {
    const CpuState& state = *context_.states[i];
    const auto add = [&](std::uint64_t linear, bool of_interrupts) {
      const auto found = walk(state, context_.memory, linear);
      if (found) known.stacks.push_back({kvm::page_of(found->physical), i, of_interrupts});
    };
    const bool long_mode = (state.efer & kEferLma) != 0;
    const std::uint64_t base = long_mode ? 0 : state.segments[kSs].base;
    constexpr std::uint64_t kFrames = 512;  // what a few nested handlers push
    for (const std::uint64_t below : {std::uint64_t{0}, std::uint64_t{1}, kFrames}) {
      add(base + state.gpr[kRsp] - below, false);
    }
    // RSP0-RSP2 and IST1-IST7 of a 64-bit TSS, ESP0 of a 32-bit one (SDM 3A 7.7, 7.2.1).
    const auto stack_of = [&](std::uint64_t offset, std::size_t size) {
      std::uint64_t top = 0;
      const auto bytes = std::as_writable_bytes(std::span(&top, 1)).first(size);
      if (read_linear(state, context_.memory, state.tr.base + offset, bytes) == size && top != 0) add(top - 1, true);
    };
    if (state.tr.limit < 0x67) continue;
    if (!long_mode) stack_of(4, 4);
    for (std::uint64_t offset : {4U, 12U, 20U, 36U, 44U, 52U, 60U, 68U, 76U, 84U}) {
      if (long_mode) stack_of(offset, 8);
    }
  }
  known.tables = table_pages(context_.roots, context_.memory);
  return known;
}

std::optional<std::string> HeldPages::holder_of(std::uint64_t page) {
  if (!known_) known_ = find();
  if (const auto stack = std::ranges::find(known_->stacks, page, &Stack::page); stack != known_->stacks.end()) {
    return fmt::format("{} stack of CPU {}", stack->of_interrupts ? "an interrupt" : "the", stack->cpu);
  }
  if (std::ranges::binary_search(known_->tables, page)) return "a page table";
  if (context_.stacks.contains(page)) return "a stack";
  return std::nullopt;
}

std::optional<std::string> HeldPages::likely_holder_of(std::uint64_t page) {
  const auto [row, is_new] = likely_.try_emplace(page);
  if (!is_new) return row->second;
  const auto looks = [&](const CpuState* state) { return looks_like_stack(page, *state, context_.memory); };
  row->second = holder_of(page);
  if (!row->second && std::ranges::any_of(context_.states, looks)) row->second = "what looks like a stack";
  return row->second;
}

void plan_watchpoints(Plan& plan, const WatchContext& context, HeldPages& held) {
  bool any = false;
  for (Breakpoint& row : plan.rows) {
    if (!is_watch(row.spec)) continue;
    any = true;
    locate(row, context);
  }
  if (!any) return;
  std::string why = "this host's KVM never fires data watchpoints";
  if (context.host.data_registers) {
    why = "more than the debug registers hold";
    for (const bool reads : {true, false}) {
      for (const Run& run : merged(plan, reads)) give_registers(plan, run, reads ? Kind::kAccess : Kind::kWrite);
    }
  }
  for (std::size_t i = 0; i < plan.rows.size(); ++i) {
    Breakpoint& row = plan.rows[i];
    if (!is_watch(row.spec) || row.mechanism == Mechanism::kDebugRegister || row.pieces.empty()) continue;
    const std::string problem = obstacle(row, context, held);
    row.why = problem.empty() ? why : problem;
    row.mechanism = problem.empty() ? Mechanism::kPage : Mechanism::kCompare;
    if (problem.empty()) {
      protect(plan, i);
    } else {
      plan.trace = true;
    }
  }
  // Of all: no debug register fires for an access that leaves the guest, as on a page that is protected for something
  // else, nor for what a device writes.
  for (std::size_t i = 0; i < plan.rows.size(); ++i) {
    if (is_watch(plan.rows[i].spec)) add_ranges(plan, i);
  }
}

}  // namespace vmm
