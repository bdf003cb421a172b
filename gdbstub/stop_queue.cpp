#include "gdbstub/stop_queue.hpp"

#include <algorithm>
#include <utility>

namespace gdb {

void StopQueue::add(StopEvent event) { waiting_.push_back(std::move(event)); }

std::optional<StopEvent> StopQueue::to_notify() { return unacknowledged_ ? std::nullopt : next(); }

std::optional<StopEvent> StopQueue::first_alone() {
  clear_told();
  alone_ = !waiting_.empty();
  return next();
}

std::optional<StopEvent> StopQueue::acknowledged() {
  if (!alone_) return next();
  clear_told();
  return std::nullopt;
}

bool StopQueue::holds(ThreadId thread) const {
  return told_ == thread || std::ranges::find(waiting_, thread, &StopEvent::thread) != waiting_.end();
}

void StopQueue::drop() {
  waiting_.clear();
  told_.reset();
}

void StopQueue::clear() {
  waiting_.clear();
  clear_told();
}

void StopQueue::clear_told() {
  unacknowledged_ = false;
  alone_ = false;
  told_.reset();
}

std::optional<StopEvent> StopQueue::next() {
  unacknowledged_ = !waiting_.empty();
  told_.reset();
  if (waiting_.empty()) return std::nullopt;
  StopEvent event = std::move(waiting_.front());
  waiting_.pop_front();
  told_ = event.thread;
  return event;
}

}  // namespace gdb
