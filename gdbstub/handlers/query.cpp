// What gdb and we can do (GDB manual, "General Query Packets").
#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "gdbstub/handlers/handlers.hpp"
#include "gdbstub/hex.hpp"
#include "gdbstub/packet.hpp"

namespace gdb::handlers {
namespace {

// Without names and cores the document of threads tells no more than qfThreadInfo and qThreadExtraInfo.
bool has_thread_attributes(const Target& target) {
  return std::ranges::any_of(target.threads(), [&](ThreadId thread) {
    return !target.thread_name(thread).empty() || target.core(thread).has_value();
  });
}

}  // namespace

Reply supported(Conversation& c, std::string_view args) {
  c.features = {};
  for (Fields fields(args); !fields.done();) {
    const std::string_view feature = fields.until(';');
    if (feature == "multiprocess+") c.features.multiprocess = true;
    if (feature == "swbreak+") c.features.swbreak = true;
    if (feature == "hwbreak+") c.features.hwbreak = true;
    if (feature == "error-message+") c.features.error_message = true;
  }
  std::string reply =
      fmt::format("PacketSize={:x};QStartNoAckMode+;qXfer:features:read+;vContSupported+;binary-upload+", kPacketSize);
  if (c.target.breakpoints() != nullptr) reply += ";swbreak+;hwbreak+";
  if (c.target.breakpoints() != nullptr && c.target.breakpoints()->takes_actions()) {
    reply += ";ConditionalBreakpoints+;BreakpointCommands+";
  }
  if (c.target.offers_non_stop()) reply += ";QNonStop+";
  if (has_thread_attributes(c.target)) reply += ";qXfer:threads:read+";
  if (c.features.multiprocess) reply += ";multiprocess+";
  if (c.features.error_message) reply += ";error-message+";
  return reply;
}

Reply no_ack_mode(Conversation& c, std::string_view) {
  c.no_ack = true;
  return "OK";
}

Reply extended_mode(Conversation& c, std::string_view) {
  c.extended = true;
  return "OK";
}

// 1: gdb found the process, and therefore detaches when it quits, instead of killing.
Reply attached(Conversation&, std::string_view) { return "1"; }

}  // namespace gdb::handlers
