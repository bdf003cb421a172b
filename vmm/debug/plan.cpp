#include "vmm/debug/plan.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace vmm {

std::optional<PageWalkResult> code_at(const CpuState& state, const GuestMemory& memory, std::uint64_t linear,
                                      bool moves) {
  // The walker wraps like a CPU outside long mode; such an address is one of a mode still to come.
  if (linear > 0xffffffff && (state.efer & kEferLma) == 0) return std::nullopt;
  const auto found = walk(state, memory, linear);
  if (!found || !memory.contains(found->physical, 1)) return std::nullopt;
  // Early code runs unpaged or identity-mapped; a symbol's address means what the image says, not the byte found there.
  if (moves && found->physical == linear) return std::nullopt;
  return *found;
}

WatchedValues::WatchedValues(const GuestMemory& memory, const PlantedBytes& planted,
                             const std::vector<Breakpoint>& rows)
    : memory_(memory), planted_(planted) {
  for (const Breakpoint& row : rows) values_.push_back(now(row));
}

std::vector<std::byte> WatchedValues::now(const Breakpoint& row) const {
  std::vector<std::byte> bytes;
  for (const LinearPiece& piece : row.pieces) {
    const std::size_t done = bytes.size();
    bytes.resize(done + piece.size);
    const auto part = std::span(bytes).subspan(done);
    memory_.read(piece.physical, part);
    planted_.hide(piece.physical, part);
  }
  return bytes;
}

bool WatchedValues::changed(const std::vector<Breakpoint>& rows, std::size_t index) {
  const std::lock_guard lock(mutex_);
  std::vector<std::byte> present = now(rows.at(index));
  if (present == values_.at(index)) return false;
  values_.at(index) = std::move(present);
  return true;
}

std::optional<std::size_t> WatchedValues::changed(const std::vector<Breakpoint>& rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].pieces.empty() && changed(rows, i)) return i;
  }
  return std::nullopt;
}

const Breakpoint* Plan::at(std::uint64_t linear) const {
  auto found = all_at(linear);
  return found.empty() ? nullptr : &found.front();
}

const Breakpoint* Plan::caught_at(std::uint64_t linear) const {
  const auto found = std::ranges::find_if(
      rows, [&](const Breakpoint& row) { return row.catchpoint != nullptr && row.spec.address == linear; });
  return found == rows.end() ? nullptr : &*found;
}

bool Plan::plants(std::uint64_t physical) const {
  return std::ranges::any_of(rows, [&](const Breakpoint& row) {
    return row.mechanism == Breakpoint::Mechanism::kMemory &&
           std::ranges::find(row.places, physical, &Breakpoint::Place::physical) != row.places.end();
  });
}

bool Plan::protects(std::uint64_t physical) const {
  return std::ranges::find(pages, kvm::page_of(physical), &kvm::ProtectedPage::physical) != pages.end();
}

bool Plan::any_in_memory() const {
  return std::ranges::any_of(rows,
                             [](const Breakpoint& row) { return row.mechanism == Breakpoint::Mechanism::kMemory; });
}

bool Plan::promise_ended(std::uint64_t physical, const CpuState& state, const GuestMemory& memory) const {
  return std::ranges::any_of(rows, [&](const Breakpoint& row) {
    const bool here = row.mechanism == Breakpoint::Mechanism::kMemory && row.places.front().promised &&
                      kvm::page_of(row.places.front().physical) == kvm::page_of(physical);
    return here && counts_in(row.spec.address, state.cr3) && code_at(state, memory, row.spec.address, true);
  });
}

bool Plan::any_watch() const {
  return std::ranges::any_of(rows, [](const Breakpoint& row) { return is_watch(row.spec); });
}

Plan::Registers Plan::watch_registers() const {
  Registers only = registers;
  for (auto& row : only) {
    if (row && row->kind == kvm::DebugRegister::Kind::kExecute) row.reset();
  }
  return only;
}

const Breakpoint* Plan::watch_of_register(std::size_t index) const {
  for (const std::size_t row : owners.at(index)) {
    if (!is_watch(rows.at(row).spec)) continue;
    if (!compared.at(index) || values->changed(rows, row)) return &rows.at(row);
  }
  return nullptr;
}

const Catchpoint* Plan::catchpoint(Catchpoint::Kind kind) const {
  const auto found = std::ranges::find(catchpoints, kind, [](const auto& row) { return row->kind; });
  return found == catchpoints.end() ? nullptr : found->get();
}

bool Plan::counts_in(std::uint64_t linear, std::uint64_t cr3) const {
  constexpr std::uint64_t kFlags = 0xfff;  // PCID, PWT, PCD
  return !cr3_filter || !is_user_half(linear) || (cr3 & ~kFlags) == (*cr3_filter & ~kFlags);
}

std::string describe(const Breakpoint& row) {
  using Mechanism = Breakpoint::Mechanism;
  switch (row.mechanism) {
    case Mechanism::kWaiting: return "waiting to be mapped";
    case Mechanism::kDebugRegister: return "debug register";
    case Mechanism::kPage: return "page protection";
    case Mechanism::kCompare: return "stepping and comparing";
    case Mechanism::kMemory: break;
  }
  std::string text = fmt::format("byte {:02x} at guest-physical", std::to_integer<unsigned>(row.trap));
  for (const Breakpoint::Place& place : row.places) {
    text += fmt::format(" {:#x}{}", place.physical, place.promised ? " (where the image says it will be mapped)" : "");
  }
  return text;
}

}  // namespace vmm
