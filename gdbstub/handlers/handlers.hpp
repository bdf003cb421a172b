/// The handlers of packets, by family, and the table that finds one. A handler gets what follows the packet's name
/// and returns the reply; it trusts nothing it is given. To add one: README.md.
#pragma once

#include <cstdint>
#include <string_view>

#include "gdbstub/conversation.hpp"

namespace gdb::handlers {

using Handler = Reply (*)(Conversation&, std::string_view args);

/// How gdb 13 takes a refusal of this packet, when it did not offer error-message. With it, any is `E.text`.
enum class Refusal : std::uint8_t {
  kText,        ///< as `E.text`, which it shows, or at least takes for an error
  kNumber,      ///< only as `E NN`: it would take a text for data
  kBreakpoint,  ///< Z1 shows what follows the second dot
};

/// What must be stopped, or else the packet is refused. In all-stop mode all but kNothing mean the whole guest.
enum class Needs : std::uint8_t {
  kNothing,
  kNoStopReply,    ///< non-stop: nothing. All-stop: gdb awaits no stop reply
  kGeneralThread,  ///< non-stop: Hg's thread
  kAnyThread,      ///< non-stop: any thread
  kAllThreads,     ///< non-stop: all threads; they are stopped first, and the packet waits for that
};

struct Row {
  std::string_view name;
  Handler handler;
  bool exact = false;  ///< takes no arguments
  Needs needs = Needs::kNothing;
  Refusal refusal = Refusal::kText;
};

/// The row of `packet`, or null; `args` becomes what follows the name, and the `:`, `;` or `,` behind a long one.
const Row* find(std::string_view packet, std::string_view& args);

// query.cpp: what is there, and who is asked
Reply supported(Conversation&, std::string_view args);
Reply no_ack_mode(Conversation&, std::string_view args);
Reply extended_mode(Conversation&, std::string_view args);
Reply attached(Conversation&, std::string_view args);
// xfer.cpp: documents, read in parts
Reply features_xml(Conversation&, std::string_view args);
Reply threads_xml(Conversation&, std::string_view args);
// threads.cpp
Reply current_thread(Conversation&, std::string_view args);
Reply first_threads(Conversation&, std::string_view args);
Reply further_threads(Conversation&, std::string_view args);
Reply thread_extra_info(Conversation&, std::string_view args);
Reply select_thread(Conversation&, std::string_view args);
Reply thread_alive(Conversation&, std::string_view args);
// registers.cpp
Reply read_registers(Conversation&, std::string_view args);
Reply write_registers(Conversation&, std::string_view args);
Reply read_register(Conversation&, std::string_view args);
Reply write_register(Conversation&, std::string_view args);
// memory.cpp
Reply read_memory_hex(Conversation&, std::string_view args);
Reply read_memory_binary(Conversation&, std::string_view args);
Reply write_memory_hex(Conversation&, std::string_view args);
Reply write_memory_binary(Conversation&, std::string_view args);
Reply physical_mode(Conversation&, std::string_view args);
Reply set_physical_mode(Conversation&, std::string_view args);
// search.cpp
Reply search_memory(Conversation&, std::string_view args);
// run.cpp
Reply stop_reason(Conversation&, std::string_view args);
Reply go_on(Conversation&, std::string_view args);
Reply go_on_with_signal(Conversation&, std::string_view args);
Reply step(Conversation&, std::string_view args);
Reply step_with_signal(Conversation&, std::string_view args);
Reply resume_actions(Conversation&, std::string_view args);
Reply resume(Conversation&, std::string_view args);
Reply interrupt(Conversation&, std::string_view args);
Reply run(Conversation&, std::string_view args);
Reply restart(Conversation&, std::string_view args);
Reply detach(Conversation&, std::string_view args);
Reply kill(Conversation&, std::string_view args);
Reply kill_process(Conversation&, std::string_view args);
// non_stop.cpp
Reply enter_non_stop(Conversation&, std::string_view args);
Reply leave_non_stop(Conversation&, std::string_view args);
Reply stops_of_threads(Conversation&);
Reply next_stop(Conversation&, std::string_view args);
// breakpoints.cpp
Reply insert_breakpoint(Conversation&, std::string_view args);
Reply remove_breakpoint(Conversation&, std::string_view args);
// monitor.cpp
Reply monitor(Conversation&, std::string_view args);

}  // namespace gdb::handlers
