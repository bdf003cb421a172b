/// Lets one vCPU into the guest at a time, while accesses to memory leave it: an instruction that reads, leaves and
/// writes is atomic no longer, LOCK or not.
///
/// Thread: enter() and leave() each vCPU's own; engage() any, while no vCPU runs.
#pragma once

#include <pthread.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace vmm {

class Turnstile {
 public:
  void engage(bool on) { engaged_ = on; }

  /// Waits for its turn, in the order of arrival; `kick` makes the thread that is inside leave soon.
  template <typename Kick>
  void enter(Kick kick) {
    if (!engaged_) return;
    constexpr std::chrono::milliseconds kTurn{1};
    std::unique_lock lock(mutex_);
    const std::uint64_t turn = last_++;
    while (!next_.wait_for(lock, kTurn, [&] { return turn == now_; })) {
      if (inside_) kick(thread_);
    }
    inside_ = true;
    thread_ = pthread_self();
  }
  void leave() {
    if (!engaged_) return;
    {
      const std::lock_guard lock(mutex_);
      inside_ = false;
      ++now_;
    }
    next_.notify_all();
  }

 private:
  bool engaged_ = false;
  std::mutex mutex_;
  std::condition_variable next_;
  std::uint64_t last_ = 0;
  std::uint64_t now_ = 0;
  bool inside_ = false;
  pthread_t thread_{};
};

}  // namespace vmm
