// Z and z (GDB manual, "Packets"): TYPE,ADDRESS,KIND.
#include <string>
#include <utility>

#include "gdbstub/handlers/handlers.hpp"
#include "gdbstub/hex.hpp"

namespace gdb::handlers {
namespace {

// Conditions and commands would follow a `;`. We advertise neither, so that gdb keeps both; whoever sends them all
// the same must hear that they do not work.
Result<BreakpointSpec> parse(std::string_view args) {
  Fields fields(args);
  const auto type = fields.number();
  const bool first_comma = fields.skip(',');
  const auto address = fields.number();
  const bool second_comma = fields.skip(',');
  const auto kind = fields.number();
  if (!type || !first_comma || !address || !second_comma || !kind) return fail("malformed breakpoint");
  if (!fields.done()) return fail("breakpoint conditions and commands are not evaluated here");
  return BreakpointSpec{static_cast<BreakpointType>(*type), *address, *kind};
}

bool known_type(std::string_view args) { return args.size() > 1 && args[0] >= '0' && args[0] <= '4' && args[1] == ','; }

Reply change(Conversation& c, std::string_view args, Result<void> (Breakpoints::*act)(const BreakpointSpec&)) {
  Breakpoints* breakpoints = c.target.breakpoints();
  if (breakpoints == nullptr || !known_type(args)) return "";
  const auto spec = parse(args);
  if (!spec) return std::unexpected(spec.error());
  const auto done = (breakpoints->*act)(*spec);
  if (done) return "OK";
  // Of Z1 alone gdb shows the text without error-message; of the others it says only that it cannot.
  if (!c.features.error_message && spec->type != BreakpointType::kHardware) c.print_later(done.error().text + "\n");
  return std::unexpected(done.error());
}

}  // namespace

Reply insert_breakpoint(Conversation& c, std::string_view args) { return change(c, args, &Breakpoints::insert); }

Reply remove_breakpoint(Conversation& c, std::string_view args) { return change(c, args, &Breakpoints::remove); }

}  // namespace gdb::handlers
