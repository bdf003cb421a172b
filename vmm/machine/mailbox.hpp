/// Commands for one vCPU thread.
///
/// Thread: post() any; wait() and stop_wanted() the owner. The owner's half of the stop protocol (kvm-hosts.md, "Stop
/// protocol with no lost kicks"): clear immediate_exit → stop_wanted()? set immediate_exit → KVM_RUN. The poster's:
/// post → signal, whose handler sets immediate_exit. Whichever comes last, KVM_RUN returns at once.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <utility>
#include <variant>

#include "vmm/machine/stop.hpp"

namespace vmm {

struct StopCommand {};
struct QuitCommand {};
using TaskCommand = std::function<void(kvm::Vcpu&)>;
using VcpuCommand = std::variant<RunOrder, StopCommand, QuitCommand, TaskCommand>;

class Mailbox {
 public:
  void post(VcpuCommand command) {
    {
      const std::lock_guard lock(mutex_);
      commands_.push_back(std::move(command));
    }
    arrived_.notify_one();
  }

  /// The next command, for a parked owner; blocks.
  VcpuCommand wait() {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [this] { return !commands_.empty(); });
    VcpuCommand command = std::move(commands_.front());
    commands_.pop_front();
    return command;
  }

  /// For a running owner: shall it park? Consumes a StopCommand; leaves anything else for wait().
  bool stop_wanted() {
    const std::lock_guard lock(mutex_);
    if (commands_.empty()) return false;
    if (std::holds_alternative<StopCommand>(commands_.front())) commands_.pop_front();
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<VcpuCommand> commands_;
};

}  // namespace vmm
