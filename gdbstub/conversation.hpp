/// What the handlers of packets share: the state of one conversation with one gdb, apart from bytes and acks,
/// which are the Session's. I/O thread only.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "gdbstub/stop_queue.hpp"
#include "gdbstub/target.hpp"
#include "gdbstub/types.hpp"

namespace gdb {

/// What gdb offered in its qSupported; we use nothing that it did not offer.
struct Features {
  bool multiprocess = false;
  bool swbreak = false;
  bool hwbreak = false;
  bool error_message = false;
};

/// The guest as gdb sees it. In non-stop mode gdb waits for no thread: the phase stays kStopped, unless all threads
/// must stop first.
enum class Phase : std::uint8_t {
  kAttaching,   ///< not known to be stopped yet, as a whole: packets wait
  kStopped,     ///< requests are answered
  kRunning,     ///< gdb waits for a stop reply, and takes console text until then
  kRestarting,  ///< the same, but it takes no console text (vRun)
};

/// How a conversation ends; it happens once the reply has been sent.
enum class Ending : std::uint8_t { kNone, kDetach, kKill };

/// A thread-id of a packet (GDB manual, "Packets": TID, or pPID.TID).
struct ThreadRef {
  enum class Kind : std::uint8_t { kAny, kAll, kOne };
  Kind kind = Kind::kAny;
  ThreadId id = 0;  ///< of kOne; it exists
};

/// What a handler returns: the reply, none (it comes later, or never), or a refusal.
using Reply = Result<std::optional<std::string>>;

/// The one process that a machine is.
inline constexpr std::uint64_t kProcess = 1;

class Conversation {
 public:
  Conversation(Target& debuggee, std::function<void(std::string_view payload)> send_packet)
      : target(debuggee), send(std::move(send_packet)) {}

  /// The thread of g, p and their like: Hg's, or else the one that stopped.
  ThreadId general_thread() const;
  /// `preferred` when it is stopped, else any thread that is.
  std::optional<ThreadId> stopped_thread(ThreadId preferred) const;
  /// The thread through which memory is seen. It is stopped, if any is: in non-stop mode gdb reads and writes memory
  /// while the thread that the user looks at runs.
  ThreadId memory_thread() const;
  /// A thread-id in a packet; an error when there is no such thread or process.
  Result<ThreadRef> parse_thread(std::string_view text) const;
  std::string thread_text(ThreadId thread) const;
  /// The stop reply for `event` (GDB manual, "Stop Reply Packets").
  std::string stop_text(const StopEvent& event) const;
  /// The stop reply for the last stop. It makes that thread the one of g and m, as gdb does on its side for all but
  /// the stops of non-stop mode.
  std::string report_stop();
  /// Ctrl-C. In non-stop mode it stops each thread.
  Result<void> interrupt();

  /// Shows `text` to the user now; only while gdb takes console text (Phase::kRunning, or inside qRcmd).
  void print(std::string_view text);
  /// Shows `text` as soon as gdb takes console text: in non-stop mode, that is inside qRcmd only. Bounded: what is too
  /// much is dropped.
  void print_later(std::string_view text);
  /// The same, unless it was the last thing said (gdb tries a refused breakpoint at every `continue`).
  void print_later_once(std::string_view text);
  /// Shows what print_later() kept.
  void flush_console();

  Target& target;
  /// Sends a packet besides the reply.
  std::function<void(std::string_view payload)> send;
  Features features;
  bool no_ack = false;
  bool extended = false;  ///< gdb sent `!`: it stays when the debuggee is killed, and may run it again
  bool killed = false;    ///< by vKill in extended mode: ends with the conversation, unless vRun comes first
  bool non_stop = false;
  Phase phase = Phase::kAttaching;
  bool interrupt_wanted = false;  ///< by 0x03, and no stop for its sake has been told since
  Ending ending = Ending::kNone;
  StopEvent last_stop;
  StopQueue stops;  ///< of non-stop mode
  std::optional<ThreadId> general;
  std::optional<ThreadId> control;  ///< Hc: of c and s; all threads when empty
  AddressSpace space = AddressSpace::kLinear;
  std::string threads_xml;  ///< as it was at the last read from its beginning: its parts belong together

 private:
  std::string kept_console_;
};

}  // namespace gdb
