#include "gdbstub/conversation.hpp"

#include <algorithm>
#include <utility>

#include "gdbstub/hex.hpp"
#include "gdbstub/packet.hpp"

namespace gdb {
namespace {

constexpr std::size_t kMostKeptConsole = 64 * 1024;

// -1 is all, 0 is any, in either part of an id.
std::optional<ThreadRef> parse_part(Fields& fields) {
  if (fields.skip('-')) {
    if (!fields.skip('1')) return std::nullopt;
    return ThreadRef{ThreadRef::Kind::kAll, 0};
  }
  const auto number = fields.number();
  if (!number || *number > UINT32_MAX) return std::nullopt;
  return ThreadRef{*number == 0 ? ThreadRef::Kind::kAny : ThreadRef::Kind::kOne, static_cast<ThreadId>(*number)};
}

}  // namespace

Result<ThreadRef> Conversation::parse_thread(std::string_view text) const {
  Fields fields(text);
  std::optional<ThreadRef> thread;
  if (fields.skip('p')) {
    const auto process = parse_part(fields);
    if (!process) return fail("bad process id");
    if (process->kind == ThreadRef::Kind::kOne && process->id != kProcess) return fail("no such process");
    thread = fields.skip('.') ? parse_part(fields) : ThreadRef{ThreadRef::Kind::kAll, 0};
  } else {
    thread = parse_part(fields);
  }
  if (!thread || !fields.done()) return fail("bad thread id");
  if (thread->kind == ThreadRef::Kind::kOne) {
    const auto threads = target.threads();
    if (std::ranges::find(threads, thread->id) == threads.end()) return fail("no such thread");
  }
  return *thread;
}

ThreadId Conversation::general_thread() const {
  if (general) return *general;
  return non_stop ? stopped_thread(last_stop.thread).value_or(last_stop.thread) : last_stop.thread;
}

std::optional<ThreadId> Conversation::stopped_thread(ThreadId preferred) const {
  if (!target.thread_running(preferred)) return preferred;
  const auto threads = target.threads();
  const auto found = std::ranges::find_if(threads, [&](ThreadId thread) { return !target.thread_running(thread); });
  return found == threads.end() ? std::nullopt : std::optional(*found);
}

ThreadId Conversation::memory_thread() const {
  const ThreadId thread = general_thread();
  return non_stop ? stopped_thread(thread).value_or(thread) : thread;
}

// In all-stop mode the guest runs to gdb. Here it may have just stopped, between two of the many steps of a
// `stepi 1000`: then the next one is interrupted, as gdb sends 0x03 only once.
Result<void> Conversation::interrupt() {
  if (non_stop) return phase == Phase::kStopped ? target.resume(ResumePlan::stop_all()) : Result<void>();
  interrupt_wanted = phase != Phase::kAttaching;
  if (target.running()) target.interrupt();
  return {};
}

std::string Conversation::thread_text(ThreadId thread) const {
  const std::string id = hex_of_number(thread);
  return features.multiprocess ? "p" + hex_of_number(kProcess) + "." + id : id;
}

void Conversation::print(std::string_view text) {
  constexpr std::size_t kPiece = kPacketSize / 2 - 1;
  for (; !text.empty(); text.remove_prefix(std::min(kPiece, text.size()))) {
    send("O" + hex_of_text(text.substr(0, kPiece)));
  }
}

void Conversation::print_later(std::string_view text) {
  kept_console_ += text.substr(0, kMostKeptConsole - std::min(kMostKeptConsole, kept_console_.size()));
}

void Conversation::print_later_once(std::string_view text) {
  if (!kept_console_.ends_with(text)) print_later(text);
}

void Conversation::flush_console() { print(std::exchange(kept_console_, {})); }

}  // namespace gdb
