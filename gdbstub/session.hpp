/// One conversation with one debugger: bytes in, Target calls, bytes out. It has no socket, no thread and no clock.
/// I/O thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "gdbstub/conversation.hpp"
#include "gdbstub/packet.hpp"
#include "gdbstub/target.hpp"

namespace gdb {

namespace handlers {
struct Row;
}

class Session final : public TargetListener {
 public:
  /// Takes bytes for gdb, all or nothing, in order; must not call back into the Session.
  using Send = std::function<void(std::string bytes)>;

  /// What carries the bytes. A connection has one debugger. On a serial line, one debugger may vanish and another
  /// come without a sign but its first packet: a second qSupported there begins the conversation anew.
  enum class Line : std::uint8_t { kConnection, kSerial };

  /// Attaches to `target`. Both must outlive the session, or at least its end.
  Session(Target& target, Send send, Line line = Line::kConnection);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Any bytes, cut anywhere. Those after the end of the conversation are ignored.
  void receive(std::string_view bytes);
  /// The bytes' carrier is gone: unless the conversation had ended, the target hears `disconnected()`.
  void hang_up();
  /// True after detach, kill and hang_up(): close the carrier when what was sent has left.
  bool ended() const { return ended_; }

  void stopped(const StopEvent& event) override;
  void console(std::string_view text) override;

 private:
  void begin();
  void on_event(PacketEvent event);
  void on_packet(std::string packet);
  void answer_waiting();
  void answer(std::string_view packet);
  Reply reply_to(const handlers::Row& row, std::string_view packet, std::string_view args);
  Reply wait_for_all_threads(std::string_view packet);
  void thread_stopped(const StopEvent& event);
  void add_stops_of_others(ThreadId told);
  void notify();
  void end();
  void leave();
  void put(std::string_view payload);
  void flush();

  Target& target_;
  Send send_;
  Line line_;
  PacketParser parser_;
  std::optional<Conversation> conversation_;
  bool introduced_ = false;  ///< a qSupported has come
  bool ended_ = false;
  std::deque<std::string> waiting_;  ///< packets that came in Phase::kAttaching
  std::string last_frame_;           ///< for `-`; empty without acks
  std::string outgoing_;             ///< collected while receive() works, to leave as one piece
  bool collecting_ = false;
  bool answering_ = false;  ///< notifications wait for the reply
};

}  // namespace gdb
