/// One thread per vCPU, which creates and solely uses its kvm::Vcpu.
///
///     Parked --run(RunOrder)--> Running --trap, request_stop(), device request--> Parked (reports once)
///     Parked or Running --destructor--> Finished
#pragma once

#include <pthread.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <type_traits>
#include <variant>

#include "vmm/devices/bus.hpp"
#include "vmm/kvm/vcpu.hpp"
#include "vmm/kvm/vm.hpp"
#include "vmm/machine/access_watch.hpp"
#include "vmm/machine/mailbox.hpp"
#include "vmm/machine/stop.hpp"

namespace vmm {

/// How often each kind of exit happened, indexed as kvm::Exit. Written by the vCPU thread, read by any.
using ExitCounts = std::array<std::atomic<std::uint64_t>, std::variant_size_v<kvm::Exit>>;

class VcpuThread {
 public:
  /// Starts the thread and waits until its vCPU exists, parked. Throws what its creation threw.
  VcpuThread(unsigned index, const kvm::Vm& vm, Bus& ports, Bus& mmio, AccessWatch& watch, StopSink sink);
  /// Ends the thread, also from Running; a report may still be on its way.
  ~VcpuThread();
  VcpuThread(const VcpuThread&) = delete;
  VcpuThread& operator=(const VcpuThread&) = delete;

  /// Parked only. Returns at once; one StopReport follows.
  void run(RunOrder order) { mailbox_.post(std::move(order)); }
  /// Any time; a parked vCPU ignores it.
  void request_stop() {
    mailbox_.post(StopCommand{});
    kick();
  }
  /// Makes it leave the guest, if it is there, and look around. Any time.
  void kick();
  /// Parked only: runs `task(kvm::Vcpu&)` on the vCPU thread and waits for its result (microseconds). Rethrows what it
  /// threw.
  template <typename Task>
  auto call(Task task) -> std::invoke_result_t<Task, kvm::Vcpu&> {
    using Value = std::invoke_result_t<Task, kvm::Vcpu&>;
    auto work = std::make_shared<std::packaged_task<Value(kvm::Vcpu&)>>(std::move(task));
    std::future<Value> result = work->get_future();
    mailbox_.post(TaskCommand([work](kvm::Vcpu& vcpu) { (*work)(vcpu); }));
    return result.get();
  }

  const ExitCounts& exits() const { return exits_; }
  /// True when the thread slept in the kernel at this look and has not run since the last one: the guest is probably
  /// halted. Costs the guest nothing. Thread: one.
  bool asleep_since_last_look();
  /// What a device asks for while it serves an access of the calling vCPU thread.
  static void request_from_device(MachineRequest request);

 private:
  void body(const kvm::Vm& vm, std::promise<void> started);
  void obey(kvm::Vcpu& vcpu, const RunOrder& order);
  static void depart(kvm::Vcpu& vcpu, const Leg& leg);
  StopCause run_until_stop(kvm::Vcpu& vcpu, const kvm::DebugControl& debug);
  /// Empty when the vCPU shall go on.
  std::optional<StopCause> handle(kvm::Exit& exit, kvm::Vcpu& vcpu);
  void serve(kvm::ExitIo& io);
  void serve(kvm::ExitMmio& access, kvm::Vcpu& vcpu);
  void serve(kvm::ExitMsr& access, kvm::Vcpu& vcpu);

  const unsigned index_;
  Bus& ports_;
  Bus& mmio_;
  AccessWatch& watch_;
  StopSink sink_;
  Mailbox mailbox_;
  ExitCounts exits_{};
  // vCPU thread only:
  std::optional<MachineRequest> request_;
  std::optional<WatchedAccess> seen_;
  std::optional<StopCause> replan_;  // why other pages are to be protected
  std::atomic<int> tid_{0};
  std::uint64_t last_switches_ = 0;
  std::thread thread_;  // last: starts when all else is built
};

}  // namespace vmm
