// qRcmd: the `monitor` command.
#include <string>

#include "gdbstub/handlers/handlers.hpp"
#include "gdbstub/hex.hpp"

namespace gdb::handlers {

// Console packets may come before the reply. Without error-message, gdb answers any error with "Protocol error with
// Rcmd", so the text is printed, and the command counts as done.
Reply monitor(Conversation& c, std::string_view args) {
  Monitor* monitor = c.target.monitor();
  if (monitor == nullptr) return "";
  const auto bytes = bytes_of_hex(args);
  if (!bytes) return fail("malformed monitor command");
  const std::string line(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  const auto output = monitor->command(line);
  c.flush_console();
  if (!output && c.features.error_message) return std::unexpected(output.error());
  c.print(output ? *output : output.error().text + "\n");
  return "OK";
}

}  // namespace gdb::handlers
