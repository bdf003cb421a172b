#include <algorithm>
#include <array>

#include "gdbstub/handlers/handlers.hpp"

namespace gdb::handlers {
namespace {

constexpr bool kExact = true;
constexpr bool kStopped = true;

// One row a packet. What has none gets the empty reply, vMustReplyEmpty among them.
// clang-format off
constexpr std::array kRows = std::to_array<Row>({
    {"qSupported", supported},
    {"QStartNoAckMode", no_ack_mode, kExact},
    {"!", extended_mode, kExact},
    {"qAttached", attached},
    {"qXfer:features:read", features_xml},

    {"qC", current_thread, kExact},
    {"qfThreadInfo", first_threads, kExact},
    {"qsThreadInfo", further_threads, kExact},
    {"qThreadExtraInfo", thread_extra_info},
    {"H", select_thread},
    {"T", thread_alive},

    {"g", read_registers, kExact, kStopped},
    {"G", write_registers, !kExact, kStopped},
    {"p", read_register, !kExact, kStopped},
    {"P", write_register, !kExact, kStopped},

    {"m", read_memory_hex, !kExact, kStopped, Refusal::kNumber},
    {"x", read_memory_binary, !kExact, kStopped, Refusal::kNumber},
    {"M", write_memory_hex, !kExact, kStopped},
    {"X", write_memory_binary, !kExact, kStopped},
    {"qqemu.PhyMemMode", physical_mode, kExact},
    {"Qqemu.PhyMemMode", set_physical_mode},

    {"?", stop_reason, kExact, kStopped},
    {"c", go_on, !kExact, kStopped},
    {"C", go_on_with_signal, !kExact, kStopped},
    {"s", step, !kExact, kStopped},
    {"S", step_with_signal, !kExact, kStopped},
    {"vCont?", resume_actions, kExact},
    {"vCont", resume},
    {"vRun", run, !kExact, kStopped},
    {"R", restart, !kExact, kStopped},
    {"D", detach},
    {"k", kill, kExact},
    {"vKill", kill_process},

    {"Z", insert_breakpoint, !kExact, kStopped, Refusal::kBreakpoint},
    {"z", remove_breakpoint, !kExact, kStopped, Refusal::kBreakpoint},

    {"qRcmd", monitor, !kExact, !kStopped, Refusal::kNumber},
});
// clang-format on

bool is_name_of(const Row& row, std::string_view packet) {
  if (!packet.starts_with(row.name)) return false;
  const std::string_view rest = packet.substr(row.name.size());
  if (rest.empty()) return true;
  if (row.exact) return false;
  return row.name.size() == 1 || std::string_view(":;,").contains(rest.front());
}

}  // namespace

const Row* find(std::string_view packet, std::string_view& args) {
  const auto* row = std::ranges::find_if(kRows, [&](const Row& candidate) { return is_name_of(candidate, packet); });
  if (row == kRows.end()) return nullptr;
  args = packet.substr(row->name.size());
  if (row->name.size() > 1 && !args.empty()) args.remove_prefix(1);
  return row;
}

}  // namespace gdb::handlers
