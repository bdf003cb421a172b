#include "vmm/debug/breakpoints.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <tuple>

#include "vmm/base/errors.hpp"
#include "vmm/cpu/page_walk.hpp"
#include "vmm/debug/interrupt_frame.hpp"
#include "vmm/debug/watch_plan.hpp"

namespace vmm {

namespace {

constexpr std::byte kInt3{0xcc};
constexpr std::byte kIcebp{0xf1};

using gdb::BreakpointType;
using kvm::TrapEffect;
using Mechanism = Breakpoint::Mechanism;
using Place = Breakpoint::Place;

bool give_register(Plan& plan, std::size_t row) {
  const auto free = std::ranges::find_if(plan.registers, [](const auto& slot) { return !slot; });
  if (free == plan.registers.end()) return false;
  *free = kvm::DebugRegister{.address = plan.rows[row].spec.address};
  plan.owners.at(static_cast<std::size_t>(free - plan.registers.begin())) = {row};
  plan.rows[row].mechanism = Mechanism::kDebugRegister;
  return true;
}

}  // namespace

Breakpoints::Breakpoints(HostAbilitiesFuture host, std::vector<LinkHint> hints)
    : host_(std::move(host)), hints_(std::move(hints)) {}

void Breakpoints::use(GuestMemory& memory, PlantedBytes& planted) {
  memory_ = &memory;
  planted_ = &planted;
  overwritten_.clear();
  roots_.clear();
  stacks_.clear();
  executed_.clear();
  plan_ = std::make_shared<Plan>();
}

gdb::Result<void> Breakpoints::insert(const gdb::BreakpointSpec& spec, gdb::BreakpointActions actions) {
  auto shared = std::make_shared<const gdb::BreakpointActions>(std::move(actions));
  const auto present = std::ranges::find(rows_, spec, &Row::spec);
  if (present != rows_.end()) {
    present->actions = std::move(shared);
    return {};
  }
  if (spec.type == BreakpointType::kHardware) {
    if (!host().execute_registers) {
      return gdb::fail("this host's KVM does not fire execute debug registers: use `break` instead of `hbreak`");
    }
    const auto taken =
        std::ranges::count_if(rows_, [](const Row& row) { return row.spec.type == BreakpointType::kHardware; });
    if (static_cast<std::size_t>(taken) >= Plan::kRegisters) {
      return gdb::fail(fmt::format("the CPU has only {} debug registers, and {} `hbreak`s hold them: use `break`",
                                   Plan::kRegisters, taken));
    }
  }
  if (is_watch(spec) && (spec.kind == 0 || spec.kind > memory_->ram_size() || spec.kind - 1 > ~spec.address)) {
    return gdb::fail(fmt::format("a watchpoint has 1 to {} bytes, as much as there is memory, and ends below 2^64",
                                 memory_->ram_size()));
  }
  rows_.push_back({.spec = spec, .actions = std::move(shared)});
  return {};
}

void Breakpoints::remove(const gdb::BreakpointSpec& spec) {
  std::erase_if(rows_, [&](const Row& row) { return row.spec == spec; });
}

bool Breakpoints::contains(const gdb::BreakpointSpec& spec) const {
  return std::ranges::find(rows_, spec, &Row::spec) != rows_.end();
}

bool Breakpoints::watches() const {
  return !catchpoints.rows().empty() || std::ranges::any_of(rows_, is_watch, &Row::spec);
}

void Breakpoints::clear() {
  rows_.clear();
  counts_.clear();
  catchpoints.clear();
  cr3_filter.reset();
}

void Breakpoints::remember_root(const CpuState& state) {
  constexpr std::size_t kMost = 64;
  if ((state.cr0 & kCr0Pg) == 0) return;
  // The one seen longest ago goes: its task has ended, most likely.
  std::erase_if(roots_, [&](const CpuState& root) { return root.cr3 == state.cr3; });
  if (roots_.size() >= kMost) roots_.erase(roots_.begin());
  roots_.push_back(state);
}

void Breakpoints::note_executed(const CpuState& state) {
  if (const auto place = walk(state, *memory_, linear_pc(state))) executed_.insert(kvm::page_of(place->physical));
}

std::shared_ptr<Breakpoint::Counts> Breakpoints::counts_of(const gdb::BreakpointSpec& spec) {
  auto& counts = counts_[{spec.type, spec.address}];
  if (counts == nullptr) counts = std::make_shared<Breakpoint::Counts>();
  return counts;
}

Breakpoints::Spaces Breakpoints::spaces_of(States states) const {
  const auto add = [](std::vector<CpuState>& spaces, CpuState state, std::optional<std::uint64_t> cr3) {
    if (cr3 && (state.cr0 & kCr0Pg) != 0) state.cr3 = *cr3;
    const auto paging = [](const CpuState& of) { return std::tuple(of.cr0, of.cr3, of.cr4, of.efer); };
    if (std::ranges::find(spaces, paging(state), paging) == spaces.end()) spaces.push_back(state);
  };
  Spaces spaces;
  for (const CpuState* state : states) {
    add(spaces.present, *state, {});
    add(spaces.lower_half, *state, cr3_filter);
  }
  for (const CpuState& root : roots_) {
    if (!cr3_filter) add(spaces.lower_half, root, {});
  }
  return spaces;
}

/// All pages that the address means to the vCPUs; or else the one that the image promises.
std::vector<Place> Breakpoints::places_of(std::uint64_t linear, const Spaces& spaces) const {
  const auto hint = std::ranges::find_if(hints_, [&](const LinkHint& row) {
    return linear >= row.link && linear - row.link < row.size &&
           memory_->contains(row.physical + (linear - row.link), 1);
  });
  const bool moves = hint != hints_.end() && hint->link != hint->physical;
  const bool lower_half = is_user_half(linear);
  std::vector<Place> places;
  for (const CpuState& state : lower_half ? spaces.lower_half : spaces.present) {
    const auto found = code_at(state, *memory_, linear, moves);
    if (!found) continue;
    const bool paged = (state.cr0 & kCr0Pg) != 0;
    const bool writable = found->writable || (state.cr0 & kCr0Wp) == 0;
    const Place place{.physical = found->physical,
                      .user = paged && found->user,
                      .paged = paged,
                      .writable = (state.cr0 & kCr0Pe) != 0 && writable};
    if (std::ranges::find(places, place.physical, &Place::physical) == places.end()) places.push_back(place);
  }
  if (!places.empty() || !moves) return places;
  return {{.physical = hint->physical + (linear - hint->link),
           .user = lower_half,
           .promised = true,
           .awaited = hint->awaited,
           .paged = true}};
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

void Breakpoints::place_in_memory(Plan& plan, Breakpoint& row) {
  if (row.places.empty()) return;
  // What lies there until the code comes is data to somebody, who must not read the trap (protect_writable).
  if (row.places.front().awaited && !host().protect_all) return;
  const auto trap = trap_for(row.places.front());
  if (!trap) return;
  row.mechanism = Mechanism::kMemory;
  row.trap = *trap;
  const bool user = std::ranges::any_of(row.places, &Place::user);
  plan.user_traps = plan.user_traps || (user && host().int3_user == TrapEffect::kNone);
}

std::set<std::uint64_t> Breakpoints::all_handlers(States states) const {
  constexpr unsigned kVectors = 256;
  std::set<std::uint64_t> handlers;
  for (const CpuState* state : states) {
    for (unsigned vector = 0; vector < kVectors; ++vector) {
      if (const auto handler = handler_of(*state, *memory_, vector)) handlers.insert(*handler);
    }
  }
  return handlers;
}

/// The `hbreak`s. On a user page, whose code may run where no register fires, a trap lies beside the register.
void Breakpoints::plan_hardware(Plan& plan, const Spaces& spaces) {
  std::vector<Breakpoint> beside;
  for (std::size_t i = 0; i < plan.rows.size(); ++i) {
    if (plan.rows[i].spec.type != BreakpointType::kHardware) continue;
    give_register(plan, i);
    plan.rows[i].places = places_of(plan.rows[i].spec.address, spaces);
    if (host().execute_registers_user || std::ranges::none_of(plan.rows[i].places, &Place::user)) continue;
    Breakpoint& trap = beside.emplace_back();
    trap.spec = plan.rows[i].spec;
    trap.ours = true;
    trap.places = plan.rows[i].places;
    place_in_memory(plan, trap);
  }
  std::ranges::move(beside, std::back_inserter(plan.rows));
}

/// The software breakpoints and the handlers of caught exceptions.
void Breakpoints::plan_execution(Plan& plan, States states, const Spaces& spaces) {
  std::vector<std::size_t> software;
  for (std::size_t i = 0; i < plan.rows.size(); ++i) {
    Breakpoint& row = plan.rows[i];
    if (row.spec.type != BreakpointType::kSoftware) continue;
    row.places = places_of(row.spec.address, spaces);
    software.push_back(i);
  }
  const auto user = [&](std::size_t i) { return std::ranges::any_of(plan.rows[i].places, &Place::user); };
  // In user mode such a host shows a trap only at the guest's own handler, which takes a register to watch.
  const bool hook_wanted = host().int3_user == TrapEffect::kNone && std::ranges::any_of(software, user);
  // Registers go first to what has no place in memory at all, then to what has only a promised one. When every
  // instruction is stepped, they go to handlers: a step that ends in one may end behind its first instruction.
  const std::set<std::uint64_t> handlers = plan.trace ? all_handlers(states) : std::set<std::uint64_t>{};
  std::ranges::stable_sort(software, {}, [&](std::size_t i) {
    const auto& places = plan.rows[i].places;
    if (handlers.contains(plan.rows[i].spec.address)) return -1;
    return places.empty() ? 0 : places.front().promised ? 1 : 2;
  });
  for (const std::size_t i : software) {
    Breakpoint& row = plan.rows[i];
    if (!row.places.empty() && behind_stack_load(row.places.front()) && trap_for(row.places.front()) == kInt3) {
      place_in_memory(plan, row);
      continue;
    }
    const bool register_fires = host().execute_registers && (!user(i) || host().execute_registers_user);
    const auto taken = std::ranges::count_if(plan.registers, [](const auto& slot) { return slot.has_value(); });
    const bool register_free = taken + (hook_wanted ? 1 : 0) < static_cast<std::ptrdiff_t>(Plan::kRegisters);
    if (register_fires && register_free && give_register(plan, i)) continue;
    place_in_memory(plan, row);
  }
}

/// What user mode runs into shows at the guest's #BP handler, which a register watches (CpuRun); when `hbreak`s have
/// them all, a trap does.
void Breakpoints::plan_hook(Plan& plan, States states, const Spaces& spaces) {
  constexpr unsigned kVectorBp = 3;
  const bool register_free = std::ranges::any_of(plan.registers, [](const auto& slot) { return !slot; });
  if (!plan.user_traps || plan.trace || register_free) return;
  std::set<std::uint64_t> handlers;
  for (const CpuState* state : states) {
    if ((state->cr0 & kCr0Pg) == 0) continue;  // it is far from user mode
    if (const auto handler = handler_of(*state, *memory_, kVectorBp)) handlers.insert(*handler);
  }
  for (const std::uint64_t handler : handlers) {
    Breakpoint row;
    row.spec.address = handler;
    row.ours = true;
    row.places = places_of(handler, spaces);
    place_in_memory(plan, row);
    plan.rows.push_back(std::move(row));
  }
}

void Breakpoints::plan_catchpoints(Plan& plan, States states) const {
  using Kind = Catchpoint::Kind;
  using Space = WatchedAccess::Space;
  plan.catchpoints = catchpoints.rows();
  for (const auto& catchpoint : plan.catchpoints) {
    const auto range = [&](Space space) {
      plan.ranges.push_back({.id = Plan::kCatchIds + catchpoint->number,
                             .space = space,
                             .first = catchpoint->value,
                             .reads = true,
                             .writes = true});
    };
    if (catchpoint->kind == Kind::kPort) range(Space::kPort);
    if (catchpoint->kind == Kind::kMmio) range(Space::kMmio);
    if (catchpoint->kind == Kind::kMsr) range(Space::kMsr);
    if (catchpoint->kind == Kind::kCr3 || catchpoint->kind == Kind::kHypercall) plan.trace = true;
    if (catchpoint->kind != Kind::kException) continue;
    std::set<std::uint64_t> handlers;
    for (const CpuState* state : states) {
      const auto handler = handler_of(*state, *memory_, static_cast<unsigned>(catchpoint->value));
      if (handler) handlers.insert(*handler);
    }
    // Without a handler it waits, like a breakpoint that is not mapped.
    if (handlers.empty()) handlers.insert(~std::uint64_t{0});
    for (const std::uint64_t handler : handlers) {
      Breakpoint row;
      row.spec.address = handler;
      row.catchpoint = catchpoint;
      plan.rows.push_back(std::move(row));
    }
  }
}

/// Pages with traps that the guest may write to, or is still to put the code into: its writes go under the traps. What
/// is still to come may be read where it lies now, to be moved, or its place may hold its own compressed form: the
/// guest must not read the traps, either. An instruction that can't be fetched shows that the code is there.
void Breakpoints::protect_writable(Plan& plan, HeldPages& held) const {
  using Traps = kvm::ProtectedPage::Traps;
  if (!host().protect_writes) return;
  std::map<std::uint64_t, Traps> pages;
  for (const Breakpoint& row : plan.rows) {
    if (row.mechanism != Mechanism::kMemory) continue;
    for (const Place& place : row.places) {
      const std::uint64_t page = kvm::page_of(place.physical);
      const bool unseen = place.promised && host().protect_all && (place.awaited || !executed_.contains(page));
      if (unseen) pages.insert_or_assign(page, Traps::kAll);
      if (place.promised || place.writable || overwritten_.contains(page)) pages.emplace(page, Traps::kWrites);
    }
  }
  for (const auto& [page, traps] : pages) {
    if (!held.holder_of(page) && !plan.protects(page)) plan.pages.push_back({.physical = page, .traps = traps});
  }
}

std::shared_ptr<const Plan> Breakpoints::plan(States states) {
  VMM_CHECK(!armed_);
  auto plan = std::make_shared<Plan>();
  plan->cr3_filter = cr3_filter;
  plan->rows.reserve(rows_.size());
  for (const Row& wish : rows_) {
    Breakpoint row;
    row.spec = wish.spec;
    row.actions = wish.actions;
    row.counts = counts_of(wish.spec);
    plan->rows.push_back(std::move(row));
  }
  plan_catchpoints(*plan, states);
  for (const CpuState* state : states) remember_root(*state);
  const Spaces spaces = spaces_of(states);
  plan_hardware(*plan, spaces);
  const WatchContext context{host(), *memory_, states, roots_, stacks_};
  HeldPages held(context);
  plan_watchpoints(*plan, context, held);
  plan_execution(*plan, states, spaces);
  plan_hook(*plan, states, spaces);
  if (plan->trace) {
    for (Breakpoint& row : plan->rows) {
      if (is_watch(row.spec) || row.mechanism == Mechanism::kWaiting) continue;
      row.mechanism = Mechanism::kCompare;
      row.why = "every instruction is looked at";
    }
  }
  plan->user_matters = plan->trace && std::ranges::any_of(plan->rows, [&](const Breakpoint& row) {
                         return std::ranges::any_of(states, [&](const CpuState* state) {
                           const auto place = walk(*state, *memory_, row.spec.address);
                           return place ? place->user : is_user_half(row.spec.address);
                         });
                       });
  protect_writable(*plan, held);
  plan->values = std::make_shared<WatchedValues>(*memory_, *planted_, plan->rows);
  plan_ = std::move(plan);
  return plan_;
}

void Breakpoints::plant() {
  VMM_CHECK(!armed_);
  armed_ = true;
  for (const Breakpoint& row : plan_->rows) {
    if (row.mechanism != Mechanism::kMemory) continue;
    for (const Place& place : row.places) planted_->plant(place.physical, row.trap);
  }
}

void Breakpoints::lift() {
  if (!armed_) return;
  needs_another_look();  // notes what was overwritten
  planted_->lift();
  armed_ = false;
}

bool Breakpoints::looks_again() const {
  const bool in_spaces = std::ranges::any_of(plan_->rows, [](const Breakpoint& row) {
    return row.mechanism == Mechanism::kMemory && is_user_half(row.spec.address) && row.places.front().paged;
  });
  const bool slow = std::ranges::any_of(plan_->rows, [](const Breakpoint& row) {
    return is_watch(row.spec) && (row.mechanism == Mechanism::kPage || row.mechanism == Mechanism::kCompare);
  });
  // Where no register fires in user mode, one that waits for a page there sees nothing when that comes.
  const bool blind = !host().execute_registers_user && std::ranges::any_of(plan_->rows, [](const Breakpoint& row) {
    return row.mechanism == Mechanism::kDebugRegister && !is_watch(row.spec) && is_user_half(row.spec.address) &&
           row.places.empty();
  });
  return slow || in_spaces || blind || std::ranges::any_of(catchpoints.rows(), [](const auto& row) {
           return row->kind == Catchpoint::Kind::kException;
         });
}

bool Breakpoints::needs_another_look() {
  bool wanted = false;
  for (const Breakpoint& row : plan_->rows) {
    // What the plan of a stepped guest says of memory is not in memory, and its breakpoints need no place.
    wanted = wanted || (row.mechanism == Mechanism::kWaiting && (!plan_->trace || is_watch(row.spec)));
    if (row.mechanism != Mechanism::kMemory) continue;
    for (const Place& place : row.places) {
      const bool lost = armed_ && planted_->lost(place.physical);
      if (lost) overwritten_.insert(kvm::page_of(place.physical));
      wanted = wanted || place.promised || lost;
    }
  }
  return (armed_ || plan_->trace) && wanted;
}

}  // namespace vmm
