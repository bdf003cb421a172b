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
    case Kind::kInterrupt: return on_interrupt();
    case Kind::kBadChecksum:
      if (!conversation_->no_ack) outgoing_ += '-';
      return;
    case Kind::kTooLong:
      if (!conversation_->no_ack) outgoing_ += '+';
      return put(refusal({"the packet is longer than PacketSize"}, handlers::Refusal::kText, true));
  }
}

// To gdb the guest runs. Here it may have just stopped, between two of the many steps of a `stepi 1000`: then the
// next one is interrupted, as gdb sends 0x03 only once.
void Session::on_interrupt() {
  conversation_->interrupt_wanted = conversation_->phase != Phase::kAttaching;
  if (target_.running()) target_.interrupt();
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
  const bool runs = conversation_->phase != Phase::kStopped || target_.running();
  const Reply reply =
      row->needs_stopped && runs ? Reply(fail("the guest is running")) : row->handler(*conversation_, args);
  if (!reply) {
    put(refusal(reply.error(), row->refusal, conversation_->features.error_message));
  } else if (*reply) {
    put(**reply);
  }
  if (conversation_->ending != Ending::kNone) end();
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
  // A step's end would make gdb go on with the next step.
  const bool step_ended = event.reason == StopReason::kSignal && event.signal == Signal::kTrap;
  if (std::exchange(c.interrupt_wanted, false) && step_ended) c.last_stop.signal = Signal::kInterrupt;
  const Phase before = std::exchange(c.phase, Phase::kStopped);
  if (before == Phase::kRunning) {
    c.print(event.console);
  } else {
    c.print_later(event.console);
  }
  if (before == Phase::kRunning || before == Phase::kRestarting) put(c.report_stop());
  if (before == Phase::kAttaching) answer_waiting();
  flush();
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
