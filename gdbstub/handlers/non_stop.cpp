// Non-stop mode (GDB manual, "Remote Non-Stop"): which threads are stopped, and why.
#include <string>

#include "gdbstub/handlers/handlers.hpp"

namespace gdb::handlers {
namespace {

Reply set_mode(Conversation& c, bool non_stop) {
  if (!c.target.offers_non_stop()) return "";
  if (c.non_stop == non_stop) return "OK";
  c.stops.clear();
  c.target.set_non_stop(non_stop);
  c.non_stop = non_stop;
  return "OK";
}

Reply told(const Conversation& c, const std::optional<StopEvent>& event) { return event ? c.stop_text(*event) : "OK"; }

}  // namespace

Reply enter_non_stop(Conversation& c, std::string_view) { return set_mode(c, true); }

Reply leave_non_stop(Conversation& c, std::string_view) { return set_mode(c, false); }

// `?`: all that are stopped, from the start, whatever of it gdb was told before.
Reply stops_of_threads(Conversation& c) {
  c.stops.clear();
  if (ends_guest(c.last_stop)) {
    c.stops.add(c.last_stop);
  } else {
    for (const ThreadId thread : c.target.threads()) {
      if (!c.target.thread_running(thread)) c.stops.add(c.target.stop_of(thread));
    }
  }
  return told(c, c.stops.first_alone());
}

Reply next_stop(Conversation& c, std::string_view) {
  if (!c.target.offers_non_stop()) return "";
  return told(c, c.stops.acknowledged());
}

}  // namespace gdb::handlers
