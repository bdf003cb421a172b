/// Looks for work for some microseconds before its thread sleeps: where the next comes that soon, going to sleep and
/// being woken costs more than it saves. Not for a while after it was in vain, nor where others want the CPU.
///
/// Thread: one.
#pragma once

#include <sched.h>

#include <chrono>

#include "vmm/base/backoff.hpp"

namespace vmm {

class Patience {
 public:
  /// `work`: does what there is to do, if anything, and returns whether there was. Returns the same.
  template <typename Work>
  bool wait(Work work) {
    using Clock = std::chrono::steady_clock;
    if (!backoff_.due()) return false;
    for (const auto begin = Clock::now();;) {
      if (work()) {
        backoff_.succeeded();
        return true;
      }
      const auto before = Clock::now();
      ::sched_yield();
      const auto now = Clock::now();
      const bool crowded = now - before > kCrowded;
      if (!crowded && now - begin < kLong) continue;
      backoff_.failed(crowded ? kLossInCrowd : 1);
      return false;
    }
  }

 private:
  static constexpr std::chrono::microseconds kLong{200};
  static constexpr std::chrono::milliseconds kCrowded{1};  // no partner of ours takes the CPU for so long
  static constexpr unsigned kLossInCrowd = 16;
  Backoff backoff_;
};

}  // namespace vmm
