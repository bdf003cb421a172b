#include "vmm/debug/breakpoints.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "vmm/base/errors.hpp"
#include "vmm/cpu/page_walk.hpp"

namespace vmm {

namespace {

constexpr std::byte kInt3{0xcc};
constexpr std::byte kIcebp{0xf1};

using gdb::BreakpointType;
using kvm::TrapEffect;
using Mechanism = Breakpoint::Mechanism;

bool is_watch(const gdb::BreakpointSpec& spec) { return spec.type >= BreakpointType::kWriteWatch; }

/// The debug registers that cover a watched object: naturally aligned pieces of 1, 2, 4 or 8 bytes (SDM 3B 18.2.5).
std::vector<kvm::DebugRegister> pieces_of(const gdb::BreakpointSpec& spec) {
  // The CPU has no read-only watch: kAccess serves, and reports writes as well.
  const auto kind =
      spec.type == BreakpointType::kWriteWatch ? kvm::DebugRegister::Kind::kWrite : kvm::DebugRegister::Kind::kAccess;
  std::vector<kvm::DebugRegister> pieces;
  std::uint64_t address = spec.address;
  for (std::uint64_t left = std::min<std::uint64_t>(spec.kind, 64); left > 0;) {
    const std::uint64_t aligned = address == 0 ? 8 : std::uint64_t{1} << std::min(std::countr_zero(address), 3);
    const std::uint64_t size = std::min(aligned, std::bit_floor(std::min<std::uint64_t>(left, 8)));
    pieces.push_back({.kind = kind, .length = static_cast<std::uint8_t>(size), .address = address});
    address += size;
    left -= size;
  }
  return pieces;
}

}  // namespace

Breakpoints::Breakpoints(HostAbilitiesFuture host, std::vector<LinkHint> hints)
    : host_(std::move(host)), hints_(std::move(hints)) {}

std::size_t Breakpoints::registers_needed() const {
  std::size_t needed = 0;
  for (const Breakpoint& row : rows_) {
    if (row.spec.type == BreakpointType::kHardware) needed += 1;
    if (is_watch(row.spec)) needed += pieces_of(row.spec).size();
  }
  return needed;
}

gdb::Result<void> Breakpoints::insert(const gdb::BreakpointSpec& spec, gdb::BreakpointActions actions) {
  VMM_CHECK(!armed_);
  const auto present = std::ranges::find(rows_, spec, &Breakpoint::spec);
  if (present != rows_.end()) {
    present->actions = std::move(actions);
    return {};
  }
  std::size_t registers = 0;
  if (spec.type == BreakpointType::kHardware) {
    if (!host().execute_registers) {
      return gdb::fail("this host's KVM does not fire execute debug registers: use `break` instead of `hbreak`");
    }
    registers = 1;
  } else if (is_watch(spec)) {
    if (!host().data_registers) return gdb::fail("this host's KVM never fires data watchpoints (see `gdbvm host`)");
    if (spec.kind == 0 || spec.kind > 32) {
      return gdb::fail(
          fmt::format("a watchpoint of {} bytes does not fit in debug registers (32 bytes at most)", spec.kind));
    }
    registers = pieces_of(spec).size();
  }
  if (registers > 0 && registers_needed() + registers > kRegisters) {
    return gdb::fail(fmt::format("only {} debug registers exist: {} are taken and {} more would be needed", kRegisters,
                                 registers_needed(), registers));
  }
  rows_.push_back({.spec = spec, .actions = std::move(actions)});
  return {};
}

void Breakpoints::remove(const gdb::BreakpointSpec& spec) {
  VMM_CHECK(!armed_);
  std::erase_if(rows_, [&](const Breakpoint& row) { return row.spec == spec; });
}

void Breakpoints::clear() {
  VMM_CHECK(!armed_);
  rows_.clear();
  counts_.clear();
}

std::optional<Breakpoints::Place> Breakpoints::place_of(std::uint64_t linear,
                                                        std::span<const CpuState* const> states) const {
  const auto hint = std::ranges::find_if(hints_, [&](const LinkHint& row) {
    return linear >= row.link && linear - row.link < row.size &&
           memory_->contains(row.physical + (linear - row.link), 1);
  });
  const bool moves = hint != hints_.end() && hint->link != hint->physical;
  for (const CpuState* state : states) {
    const bool paged = (state->cr0 & kCr0Pg) != 0;
    // The walker wraps like a CPU outside long mode; such an address is one of a mode still to come.
    if (linear > 0xffffffff && (state->efer & kEferLma) == 0) continue;
    const auto found = walk(*state, *memory_, linear);
    if (!found || !memory_->contains(found->physical, 1)) continue;
    // Early code runs unpaged or identity-mapped; a symbol's address means what the image says, not the byte found
    // there.
    if (moves && found->physical == linear) continue;
    return Place{.physical = found->physical, .user = paged && found->user, .promised = false, .paged = paged};
  }
  if (!moves) return std::nullopt;
  const bool lower_half = (linear >> 63) == 0;
  return Place{.physical = hint->physical + (linear - hint->link), .user = lower_half, .promised = true, .paged = true};
}

std::optional<std::byte> Breakpoints::trap_for(const Place& place) const {
  const TrapEffect int3 = place.paged ? host().int3_kernel : host().int3_real;
  if (int3 != TrapEffect::kNone) return kInt3;
  const TrapEffect icebp = place.paged ? host().icebp_kernel : host().icebp_real;
  // An icebp that causes a debug exit is of no use: only a step's #DB would look like it.
  if (icebp == TrapEffect::kEmulationFailure) return kIcebp;
  return std::nullopt;
}

/// The instruction behind a load of SS does not fire a debug register (SDM 3B 18.3.1.1).
bool Breakpoints::behind_stack_load(const Place& place) const {
  if (place.physical < 2) return false;
  std::array<std::byte, 2> before{};
  memory_->read(place.physical - 2, before);
  const bool mov_ss = before[0] == std::byte{0x8e} && (before[1] & std::byte{0x38}) == std::byte{0x10};
  return mov_ss || before[1] == std::byte{0x17};  // pop ss
}

bool Breakpoints::give_register(Breakpoint& row, kvm::DebugRegister wanted) {
  for (std::size_t i = 0; i < kRegisters; ++i) {
    if (registers_[i]) continue;
    registers_[i] = wanted;
    owner_[i] = &row;
    row.mechanism = Mechanism::kDebugRegister;
    return true;
  }
  return false;
}

void Breakpoints::plant(Breakpoint& row, const Place& place, std::byte trap) {
  row.mechanism = Mechanism::kMemory;
  row.physical = place.physical;
  row.promised = place.promised;
  row.trap = trap;
  memory_->read(place.physical, std::span(&row.original, 1));
  memory_->write(place.physical, std::span(&trap, 1));
  if (place.user && host().int3_user == TrapEffect::kNone) user_traps_ = true;
}

void Breakpoints::arm(std::span<const CpuState* const> states) {
  VMM_CHECK(!armed_);
  armed_ = true;
  registers_ = {};
  owner_ = {};
  user_traps_ = false;
  struct Candidate {
    Breakpoint* row;
    std::optional<Place> place;
  };
  std::vector<Candidate> software;
  for (Breakpoint& row : rows_) {
    row.mechanism = Mechanism::kWaiting;
    if (is_watch(row.spec)) {
      for (const kvm::DebugRegister& piece : pieces_of(row.spec)) give_register(row, piece);
    } else if (row.spec.type == BreakpointType::kHardware) {
      give_register(row, {.address = row.spec.address});
    } else {
      software.push_back({&row, place_of(row.spec.address, states)});
    }
  }
  // In user mode such a host shows a trap only at the guest's own handler, which takes a register to watch.
  const bool hook_wanted =
      host().int3_user == TrapEffect::kNone &&
      std::ranges::any_of(software, [](const Candidate& row) { return row.place && row.place->user; });
  const std::size_t most = kRegisters - (hook_wanted ? 1 : 0);
  // Registers go first to what has no place in memory at all, then to what has only a promised one.
  const auto urgency = [](const Candidate& candidate) {
    return !candidate.place ? 0 : candidate.place->promised ? 1 : 2;
  };
  std::ranges::stable_sort(software, {}, urgency);
  for (const auto& [row, place] : software) {
    const bool register_fires = host().execute_registers && (!place || !place->user || host().execute_registers_user);
    const auto taken = std::ranges::count_if(registers_, [](const auto& slot) { return slot.has_value(); });
    const bool register_free = taken < static_cast<std::ptrdiff_t>(most);
    if (place && behind_stack_load(*place) && trap_for(*place) == kInt3) {
      plant(*row, *place, kInt3);
      continue;
    }
    if (register_fires && register_free && give_register(*row, {.address = row->spec.address})) continue;
    if (!place) continue;
    if (const auto trap = trap_for(*place)) plant(*row, *place, *trap);
  }
  last_armed_ = rows_;
}

void Breakpoints::disarm() {
  if (!armed_) return;
  armed_ = false;
  // Last planted first: two breakpoints may share a physical byte.
  for (auto row = rows_.rbegin(); row != rows_.rend(); ++row) {
    if (row->mechanism != Mechanism::kMemory) continue;
    // A guest that overwrote the byte meanwhile has put its own there.
    std::byte present{};
    memory_->read(row->physical, std::span(&present, 1));
    if (present == row->trap) memory_->write(row->physical, std::span(&row->original, 1));
  }
}

bool Breakpoints::any_watch() const {
  return std::ranges::any_of(rows_, [](const Breakpoint& row) { return is_watch(row.spec); });
}

std::vector<std::uint64_t> Breakpoints::addresses() const {
  std::vector<std::uint64_t> found;
  for (const Breakpoint& row : rows_) {
    if (!is_watch(row.spec)) found.push_back(row.spec.address);
  }
  return found;
}

bool Breakpoints::any_in_memory() const {
  return std::ranges::any_of(rows_, [](const Breakpoint& row) { return row.mechanism == Mechanism::kMemory; });
}

bool Breakpoints::needs_another_look() const {
  return armed_ && std::ranges::any_of(rows_, [&](const Breakpoint& row) {
           if (row.mechanism != Mechanism::kMemory) return row.mechanism == Mechanism::kWaiting;
           std::byte present{};
           memory_->read(row.physical, std::span(&present, 1));
           return row.promised || present != row.trap;
         });
}

const Breakpoint* Breakpoints::at(std::uint64_t linear) const {
  const auto found = std::ranges::find_if(
      rows_, [&](const Breakpoint& row) { return !is_watch(row.spec) && row.spec.address == linear; });
  return found == rows_.end() ? nullptr : &*found;
}

const Breakpoint* Breakpoints::planted_at(std::uint64_t physical) const {
  const auto found = std::ranges::find_if(
      rows_, [&](const Breakpoint& row) { return row.mechanism == Mechanism::kMemory && row.physical == physical; });
  return found == rows_.end() ? nullptr : &*found;
}

const Breakpoint* Breakpoints::watch_of_register(std::size_t index) const {
  const Breakpoint* owner = owner_.at(index);
  return owner != nullptr && is_watch(owner->spec) ? owner : nullptr;
}

}  // namespace vmm
