// Threads (GDB manual, "Packets" and "General Query Packets").
#include <string>

#include "gdbstub/handlers/handlers.hpp"
#include "gdbstub/hex.hpp"

namespace gdb::handlers {

Reply current_thread(Conversation& c, std::string_view) { return "QC" + c.thread_text(c.general_thread()); }

Reply first_threads(Conversation& c, std::string_view) {
  std::string list;
  for (const ThreadId thread : c.target.threads()) {
    list += list.empty() ? "m" : ",";
    list += c.thread_text(thread);
  }
  return list.empty() ? "l" : list;
}

// first_threads() told all.
Reply further_threads(Conversation&, std::string_view) { return "l"; }

Reply thread_extra_info(Conversation& c, std::string_view args) {
  const auto thread = c.parse_thread(args);
  if (!thread) return std::unexpected(thread.error());
  if (thread->kind != ThreadRef::Kind::kOne) return fail("bad thread id");
  return hex_of_text(c.target.thread_info(thread->id));
}

// g: of registers and memory; c: of c and s. "Any" and "all" choose none in particular.
Reply select_thread(Conversation& c, std::string_view args) {
  Fields fields(args);
  const bool general = fields.skip('g');
  if (!general && !fields.skip('c')) return fail("H selects for g or c only");
  const auto thread = c.parse_thread(fields.rest());
  if (!thread) return std::unexpected(thread.error());
  auto& selected = general ? c.general : c.control;
  selected = thread->kind == ThreadRef::Kind::kOne ? std::optional(thread->id) : std::nullopt;
  return "OK";
}

Reply thread_alive(Conversation& c, std::string_view args) {
  const auto thread = c.parse_thread(args);
  if (!thread) return std::unexpected(thread.error());
  return "OK";
}

}  // namespace gdb::handlers
