/// The stops of non-stop mode that gdb has not heard of yet. One is told by a notification; the others answer the
/// vStopped by which gdb says that it has the one before (GDB manual, "Notification Packets"). I/O thread only.
#pragma once

#include <deque>
#include <optional>

#include "gdbstub/types.hpp"

namespace gdb {

class StopQueue {
 public:
  void add(StopEvent event);
  /// What to tell gdb unasked; none while it has not acknowledged all that was told.
  std::optional<StopEvent> to_notify();
  /// What to answer to `?`: the first stop of a sequence of one. The others are told by notifications behind it:
  /// gdb 13.1 fails an assertion of its own (remote_target::wait) when it connects and is told of two stopped threads.
  std::optional<StopEvent> first_alone();
  /// gdb has the one told last: what it shall hear next; none when the sequence ends.
  std::optional<StopEvent> acknowledged();
  /// gdb does not know yet that `thread` is stopped: when it lets all threads run, it does not mean this one.
  bool holds(ThreadId thread) const;
  /// What waits is of no interest any more. gdb still acknowledges what it was told.
  void drop();
  /// A new sequence begins, or none: gdb acknowledges nothing that it was told before.
  void clear();

 private:
  void clear_told();
  std::optional<StopEvent> next();

  std::deque<StopEvent> waiting_;
  bool unacknowledged_ = false;
  bool alone_ = false;            ///< the sequence ends with what is not acknowledged
  std::optional<ThreadId> told_;  ///< of what is not acknowledged
};

}  // namespace gdb
