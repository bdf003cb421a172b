#include <algorithm>
#include <array>

#include "gdbstub/handlers/handlers.hpp"

namespace gdb::handlers {
namespace {

constexpr bool kExact = true;
using enum Needs;

// One row a packet. What has none gets the empty reply, vMustReplyEmpty among them.
// clang-format off
constexpr std::array kRows = std::to_array<Row>({
    {"qSupported", supported},
    {"QStartNoAckMode", no_ack_mode, kExact},
    {"!", extended_mode, kExact},
    {"qAttached", attached},
    {"qXfer:features:read", features_xml},
    {"qXfer:threads:read", threads_xml},

    {"qC", current_thread, kExact},
    {"qfThreadInfo", first_threads, kExact},
    {"qsThreadInfo", further_threads, kExact},
    {"qThreadExtraInfo", thread_extra_info},
    {"H", select_thread},
    {"T", thread_alive},

    {"g", read_registers, kExact, kGeneralThread},
    {"G", write_registers, !kExact, kGeneralThread},
    {"p", read_register, !kExact, kGeneralThread},
    {"P", write_register, !kExact, kGeneralThread},

    {"m", read_memory_hex, !kExact, kAnyThread, Refusal::kNumber},
    {"x", read_memory_binary, !kExact, kAnyThread, Refusal::kNumber},
    {"M", write_memory_hex, !kExact, kAnyThread},
    {"X", write_memory_binary, !kExact, kAnyThread},
    {"qSearch:memory", search_memory, !kExact, kAnyThread, Refusal::kNumber},
    {"qqemu.PhyMemMode", physical_mode, kExact},
    {"Qqemu.PhyMemMode", set_physical_mode},

    {"?", stop_reason, kExact, kNoStopReply},
    {"c", go_on, !kExact, kNoStopReply},
    {"C", go_on_with_signal, !kExact, kNoStopReply},
    {"s", step, !kExact, kNoStopReply},
    {"S", step_with_signal, !kExact, kNoStopReply},
    {"vCont?", resume_actions, kExact},
    {"vCont", resume},
    {"vCtrlC", interrupt, kExact},
    {"vRun", run, !kExact, kAllThreads},
    {"R", restart, !kExact, kAllThreads},
    {"D", detach},
    {"k", kill, kExact},
    {"vKill", kill_process},

    {"QNonStop:1", enter_non_stop, kExact, kNoStopReply},
    {"QNonStop:0", leave_non_stop, kExact, kAllThreads},
    {"vStopped", next_stop, kExact},

    {"Z", insert_breakpoint, !kExact, kNoStopReply, Refusal::kBreakpoint},
    {"z", remove_breakpoint, !kExact, kNoStopReply, Refusal::kBreakpoint},

    {"qRcmd", monitor, !kExact, kNothing, Refusal::kNumber},
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
