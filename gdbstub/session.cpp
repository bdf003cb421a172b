#include "gdbstub/session.hpp"

#include <fmt/format.h>

#include <utility>

#include "gdbstub/handlers/handlers.hpp"

namespace gdb {
namespace {

// gdb sends one packet at a time. Whoever sends more than this before the guest stops loses them, unacknowledged.
constexpr std::size_t kMostWaiting = 32;

// Text that needs no escape, for gdb undoes none in an error: the marks of the protocol fall out.
std::string plain(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '{') out += '(';
    if (c == '}') out += ')';
    if (c == '\n') out += ' ';
    if (c >= ' ' && c <= '~' && !std::string_view("#$*{}").contains(c)) out += c;
  }
  return out;
}

std::string refusal(const Error& error, handlers::Refusal style, bool error_message) {
  if (error_message || style == handlers::Refusal::kText) return "E." + plain(error.text);
  if (style == handlers::Refusal::kBreakpoint) return "E.." + plain(error.text);
  return fmt::format("E{:02x}", error.code);
}

// Why a packet can't be answered now.
std::optional<Error> hindrance(const Conversation& c, handlers::Needs needs) {
  using enum handlers::Needs;
  if (needs == kNothing) return std::nullopt;
  if (c.phase != Phase::kStopped || (!c.non_stop && c.target.running())) return Error{"the guest is running"};
  if (needs == kGeneralThread && c.target.thread_running(c.general_thread())) {
    return Error{fmt::format("thread {} is running", c.general_thread())};
  }
  if (needs == kAnyThread && c.target.thread_running(c.memory_thread())) return Error{"all threads are running"};
  return std::nullopt;
}

}  // namespace

Session::Session(Target& target, Send send, Line line) : target_(target), send_(std::move(send)), line_(line) {
  begin();
}

void Session::begin() {
  conversation_.emplace(target_, [this](std::string_view payload) { put(payload); });
  introduced_ = false;
  last_frame_.clear();
  target_.attach(*this);
}

void Session::receive(std::string_view bytes) {
  collecting_ = true;
  while (!ended_) {
    auto event = parser_.next(bytes);
    if (!event) break;
    on_event(std::move(*event));
  }
  collecting_ = false;
  flush();
}

void Session::hang_up() {
  if (std::exchange(ended_, true)) return;
  leave();
}

void Session::on_event(PacketEvent event) {
  using Kind = PacketEvent::Kind;
  switch (event.kind) {
    case Kind::kPacket: return on_packet(std::move(event.payload));
    case Kind::kAck: return;
    case Kind::kNak: outgoing_ += last_frame_; return;
    case Kind::kInterrupt: (void)conversation_->interrupt(); return;
    case Kind::kBadChecksum:
      if (!conversation_->no_ack) outgoing_ += '-';
      return;
    case Kind::kTooLong:
      if (!conversation_->no_ack) outgoing_ += '+';
      return put(refusal({"the packet is longer than PacketSize"}, handlers::Refusal::kText, true));
  }
}

void Session::on_packet(std::string packet) {
  if (packet.starts_with("qSupported")) {
    if (introduced_ && line_ == Line::kSerial) {
      leave();
      waiting_.clear();
      begin();
    }
    introduced_ = true;
  }
  const bool must_wait = conversation_->phase == Phase::kAttaching || !waiting_.empty();
  if (must_wait && waiting_.size() >= kMostWaiting) return;
  if (!conversation_->no_ack) outgoing_ += '+';
  last_frame_.clear();
  if (must_wait) {
    waiting_.push_back(std::move(packet));
  } else {
    answer(packet);
  }
}

void Session::answer_waiting() {
  while (!waiting_.empty() && conversation_->phase != Phase::kAttaching && !ended_) {
    const std::string packet = std::move(waiting_.front());
    waiting_.pop_front();
    answer(packet);
  }
}

void Session::answer(std::string_view packet) {
  std::string_view args;
  const handlers::Row* row = handlers::find(packet, args);
  if (row == nullptr) return put("");
  const bool nested = std::exchange(answering_, true);
  const Reply reply = reply_to(*row, packet, args);
  if (!reply) {
    put(refusal(reply.error(), row->refusal, conversation_->features.error_message));
  } else if (*reply) {
    put(**reply);
  }
  answering_ = nested;
  if (conversation_->ending != Ending::kNone) end();
  notify();
}

Reply Session::reply_to(const handlers::Row& row, std::string_view packet, std::string_view args) {
  if (auto error = hindrance(*conversation_, row.needs)) return std::unexpected(*std::move(error));
  const bool must_wait = row.needs == handlers::Needs::kAllThreads && target_.running();
  return must_wait ? wait_for_all_threads(packet) : row.handler(*conversation_, args);
}

// The stops may come from inside resume().
Reply Session::wait_for_all_threads(std::string_view packet) {
  waiting_.emplace_front(packet);
  conversation_->phase = Phase::kAttaching;
  const Result<void> asked = target_.resume(ResumePlan::stop_all());
  if (asked) return std::nullopt;
  waiting_.pop_front();
  conversation_->phase = Phase::kStopped;
  return std::unexpected(asked.error());
}

// Gone without a word, and nobody can run it again.
void Session::leave() {
  if (conversation_->killed) {
    target_.kill();
  } else {
    target_.disconnected();
  }
}

// The reply leaves first: a killed target may take the program with it.
void Session::end() {
  ended_ = true;
  flush();
  if (conversation_->ending == Ending::kKill || conversation_->killed) {
    target_.kill();
  } else {
    target_.detach();
  }
}

void Session::stopped(const StopEvent& event) {
  if (ended_) return;
  Conversation& c = *conversation_;
  c.last_stop = event;
  if (c.non_stop && c.phase != Phase::kRestarting) return thread_stopped(event);
  // A step's end would make gdb go on with the next step.
  const bool step_ended = event.reason == StopReason::kSignal && event.signal == Signal::kTrap;
  const bool wanted = std::exchange(c.interrupt_wanted, false);
  if (wanted && step_ended) c.last_stop.signal = Signal::kInterrupt;
  // gdb may find that its condition does not hold, and go on: then it stops at once, as gdb sends 0x03 only once.
  c.interrupt_wanted = wanted && event.reason != StopReason::kSignal;
  const Phase before = std::exchange(c.phase, Phase::kStopped);
  if (before == Phase::kRunning) {
    c.print(event.console);
  } else {
    c.print_later(event.console);
  }
  if (before == Phase::kRunning || before == Phase::kRestarting) put(c.report_stop());
  if (before == Phase::kAttaching) answer_waiting();
  if (c.non_stop) add_stops_of_others(event.thread);
  flush();
}

void Session::thread_stopped(const StopEvent& event) {
  Conversation& c = *conversation_;
  c.print_later(event.console);
  if (!c.killed) c.stops.add(event);
  if (c.phase == Phase::kAttaching && !target_.running()) {
    c.phase = Phase::kStopped;
    answer_waiting();
  }
  notify();
  flush();
}

// gdb takes the reply to vRun for the stop of one thread, and would believe that the others run.
void Session::add_stops_of_others(ThreadId told) {
  for (const ThreadId thread : target_.threads()) {
    if (thread != told) conversation_->stops.add(target_.stop_of(thread));
  }
  notify();
}

void Session::notify() {
  if (ended_ || answering_ || conversation_->phase != Phase::kStopped) return;
  const auto event = conversation_->stops.to_notify();
  if (event) outgoing_ += frame("Stop:" + conversation_->stop_text(*event), '%');
}

void Session::console(std::string_view text) {
  if (ended_) return;
  if (conversation_->phase == Phase::kRunning) {
    conversation_->print(text);
    flush();
  } else {
    conversation_->print_later(text);
  }
}

void Session::put(std::string_view payload) {
  std::string bytes = frame(payload);
  if (!conversation_->no_ack) last_frame_ = bytes;
  outgoing_ += bytes;
}

void Session::flush() {
  if (collecting_ && !ended_) return;
  if (!outgoing_.empty()) send_(std::exchange(outgoing_, {}));
}

}  // namespace gdb
