/// The host's ends of the virtio console and network card, from the command line to the machine; a reset keeps them.
///
/// While the guest stands for the debugger, nothing of the host gets into its memory: input waits.
///
/// Thread: I/O.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "vmm/console.hpp"
#include "vmm/debug/debugger.hpp"
#include "vmm/net.hpp"
#include "vmm/options.hpp"

namespace vmm {

class VirtioEnds {
 public:
  /// Throws HostError when the host does not allow one of them.
  VirtioEnds(boost::asio::io_context& io, const RunOptions& options, bool output_only);

  void add_to(VirtioConfig& config);
  /// Begins to take input. Once. `quit` is called for Ctrl-A x; it and `debugger` outlive the use of `io`.
  void start(Debugger& debugger, std::function<void()> quit);
  /// Looks whether the guest runs (again) and takes what waits.
  void resume();
  /// Says on standard error where they are, where the user can't know.
  void announce() const;
  void drain();

 private:
  bool guest_runs() const { return debugger_ && debugger_->running(); }
  VirtioDevices& devices() const { return debugger_->machine().virtio(); }
  void console_work() {
    if (guest_runs()) devices().console_work();
  }

  std::optional<Console> console_;
  std::unique_ptr<Network> net_;
  MacAddress mac_;
  bool random_;
  Debugger* debugger_ = nullptr;
};

}  // namespace vmm
