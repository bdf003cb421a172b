#include "vmm/debug/catchpoints.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "vmm/base/number.hpp"
#include "vmm/debug/interrupt_frame.hpp"

namespace vmm {

namespace {

using Kind = Catchpoint::Kind;

struct KindRow {
  Kind kind;
  std::string_view word;      ///< behind `monitor catch`
  std::string_view argument;  ///< what its number is; none when empty
  std::uint64_t most;
  std::string_view shown;
};
constexpr std::array kKinds = std::to_array<KindRow>({
    {Kind::kException, "exception", "a vector from 0 to 31", 31, "exception"},
    {Kind::kTripleFault, "triple-fault", "", 0, "triple fault"},
    {Kind::kReset, "reset", "", 0, "reset"},
    {Kind::kCr3, "cr3", "", 0, "cr3"},
    {Kind::kMsr, "msr", "an MSR's number", 0xffffffff, "msr"},
    {Kind::kPort, "io", "a port from 0 to 0xffff", 0xffff, "io port"},
    {Kind::kMmio, "mmio", "a guest-physical address", ~std::uint64_t{0}, "mmio"},
    {Kind::kHypercall, "hypercall", "", 0, "hypercall"},
});

const KindRow& row_of(Kind kind) { return *std::ranges::find(kKinds, kind, &KindRow::kind); }

/// Of the exceptions (SDM 3A, table 6-1).
constexpr std::array<std::string_view, 22> kExceptions = {"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM",
                                                          "#DF", "",    "#TS", "#NP", "#SS", "#GP", "#PF", "",
                                                          "#MF", "#AC", "#MC", "#XM", "#VE", "#CP"};

/// Devices that KVM has in the kernel: their accesses never leave it.
struct Inside {
  Kind kind;
  std::uint64_t first, last;
  std::string_view name;
};
constexpr std::array kInside = std::to_array<Inside>({
    {Kind::kPort, 0x20, 0x21, "the PIC"},
    {Kind::kPort, 0xa0, 0xa1, "the PIC"},
    {Kind::kPort, 0x4d0, 0x4d1, "the PIC"},
    {Kind::kPort, 0x40, 0x43, "the PIT"},
    {Kind::kPort, 0x61, 0x61, "the PIT"},
    {Kind::kMmio, 0xfec00000, 0xfec000ff, "the I/O APIC"},
    {Kind::kMmio, 0xfee00000, 0xfee00fff, "the local APIC"},
    {Kind::kMsr, 0x800, 0x8ff, "the x2APIC"},
});

}  // namespace

std::string describe(const Catchpoint& row) {
  const KindRow& kind = row_of(row.kind);
  if (kind.argument.empty()) return std::string(kind.shown);
  if (row.kind != Kind::kException) return fmt::format("{} {:#x}", kind.shown, row.value);
  const std::string_view name = row.value < kExceptions.size() ? kExceptions.at(row.value) : "";
  return name.empty() ? fmt::format("exception {}", row.value) : fmt::format("exception {} ({})", row.value, name);
}

std::string tell(const Catchpoint& row, const CpuState& state, const std::string& what) {
  row.hits.fetch_add(1, std::memory_order_relaxed);
  return fmt::format("catchpoint {}: {} at {:#x}{}{}\n", row.number, describe(row), linear_pc(state),
                     what.empty() ? "" : ": ", what);
}

std::string tell(const Catchpoint& row, const CpuState& state, const WatchedAccess& access) {
  std::string old = "unknown";
  if (access.before) old = fmt::format("{:#x}", *access.before);
  if (row.kind != Kind::kMsr && row.seen) old = fmt::format("{:#x}", row.last.load());
  row.last = access.value;
  row.seen = true;
  row.hits.fetch_add(1, std::memory_order_relaxed);
  const std::string size =
      row.kind == Kind::kMsr ? "" : fmt::format(", {} byte{}", access.size, access.size == 1 ? "" : "s");
  const std::string values =
      access.write ? fmt::format("{} -> {:#x}", old, access.value) : fmt::format("{:#x}", access.value);
  return fmt::format("catchpoint {}: {} {} at {:#x}{}: {}\n", row.number, describe(row),
                     access.write ? "written" : "read", linear_pc(state), size, values);
}

std::string tell_exception(const Catchpoint& row, const CpuState& state, const GuestMemory& memory) {
  row.hits.fetch_add(1, std::memory_order_relaxed);
  const auto vector = static_cast<unsigned>(row.value);
  const auto origin = exception_origin(state, memory, vector);
  std::string text = fmt::format("catchpoint {}: {}", row.number, describe(row));
  if (!origin) return text + fmt::format(", handler at {:#x}\n", linear_pc(state));
  text += fmt::format(" at {:#x}", origin->address);
  constexpr unsigned kPageFault = 14;
  std::string_view separator = ": ";
  if (origin->error_code) {
    text += fmt::format("{}error code {:#x}", separator, *origin->error_code);
    separator = ", ";
  }
  if (vector == kPageFault) text += fmt::format("{}CR2 {:#x}", separator, state.cr2);
  return text + "\n";
}

gdb::Result<std::string> Catchpoints::add(std::span<const std::string> words) {
  std::string known;
  for (const KindRow& row : kKinds) known += fmt::format("{}{}", known.empty() ? "" : ", ", row.word);
  if (words.empty()) return gdb::fail("`catch` takes one of: " + known);
  const auto* kind = std::ranges::find(kKinds, std::string_view(words[0]), &KindRow::word);
  if (kind == kKinds.end()) return gdb::fail(fmt::format("cannot catch `{}`, only: {}", words[0], known));
  const bool takes_number = !kind->argument.empty();
  if (words.size() != (takes_number ? 2 : 1)) {
    return gdb::fail(takes_number ? fmt::format("`catch {}` takes {}", kind->word, kind->argument)
                                  : fmt::format("`catch {}` takes nothing more", kind->word));
  }
  std::uint64_t value = 0;
  if (takes_number) {
    const auto number = number_of(words[1]);
    if (!number || *number > kind->most) {
      return gdb::fail(fmt::format("`catch {}` takes {}, not `{}`", kind->word, kind->argument, words[1]));
    }
    value = *number;
  }
  const auto* inside = std::ranges::find_if(
      kInside, [&](const Inside& row) { return row.kind == kind->kind && value >= row.first && value <= row.last; });
  if (inside != kInside.end()) {
    return gdb::fail(fmt::format("{} is inside KVM, which shows nobody its accesses", inside->name));
  }
  const auto same =
      std::ranges::find_if(rows_, [&](const auto& row) { return row->kind == kind->kind && row->value == value; });
  if (same != rows_.end()) return fmt::format("catchpoint {}: {}\n", (*same)->number, describe(**same));
  auto row = std::make_shared<Catchpoint>();
  row->number = ++last_number_;
  row->kind = kind->kind;
  row->value = value;
  rows_.push_back(row);
  return fmt::format("catchpoint {}: {}\n", row->number, describe(*row));
}

gdb::Result<std::string> Catchpoints::remove(const std::string& which) {
  if (which == "all") {
    clear();
    return "no catchpoints\n";
  }
  const auto number = number_of(which);
  const auto found = std::ranges::find_if(rows_, [&](const auto& row) { return number && row->number == *number; });
  if (found == rows_.end()) return gdb::fail(fmt::format("no catchpoint {}: see `monitor info catch`", which));
  std::string text = fmt::format("catchpoint {} ({}) removed\n", (*found)->number, describe(**found));
  rows_.erase(found);
  return text;
}

std::string Catchpoints::list() const {
  std::string out;
  for (const auto& row : rows_) {
    out += fmt::format("{:<3} {}, hit {} times\n", row->number, describe(*row), row->hits.load());
  }
  return out.empty() ? "no catchpoints\n" : out;
}

}  // namespace vmm
