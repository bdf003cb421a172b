// What gdb and we can do (GDB manual, "General Query Packets").
#include <fmt/format.h>

#include <string>

#include "gdbstub/handlers/handlers.hpp"
#include "gdbstub/hex.hpp"
#include "gdbstub/packet.hpp"

namespace gdb::handlers {

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

// ANNEX:OFFSET,LENGTH → `m` and a part, or `l` and the last one.
Reply features_xml(Conversation& c, std::string_view args) {
  Fields fields(args);
  const std::string_view annex = fields.until(':');
  const auto offset = fields.number();
  const bool comma = fields.skip(',');
  const auto length = fields.number();
  if (!offset || !comma || !length || !fields.done()) return fail("malformed qXfer request");
  if (annex != "target.xml") return fail("no such object", 0);
  const std::string_view xml = c.target.layout().target_xml();
  if (*offset > xml.size()) return fail("offset is beyond the object's end");
  const std::string_view rest = xml.substr(*offset);
  const std::size_t size = escaped_fit(rest.substr(0, *length), kPacketSize - 1);
  return (size < rest.size() ? "m" : "l") + std::string(rest.substr(0, size));
}

}  // namespace gdb::handlers
