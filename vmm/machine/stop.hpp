/// What crosses the border between the I/O thread and a vCPU thread: values only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "vmm/cpu/cpu_state.hpp"
#include "vmm/devices/device.hpp"
#include "vmm/kvm/vcpu.hpp"

namespace vmm {

/// In: how a parked vCPU shall run on.
struct RunOrder {
  std::optional<CpuState> state;  ///< what the debugger changed; the present state when empty
  kvm::DebugControl debug;
  bool wake = false;                      ///< leave HLT: the debugger moved the program counter of a halted vCPU
  std::optional<std::uint8_t> exception;  ///< a vector to deliver first
  /// After a step: shall another follow, armed in the same way? Called on the vCPU thread; none: every step parks.
  std::function<bool(const CpuState&)> another_step;
};

/// Out: why a vCPU parked.
struct Interrupted {};  ///< request_stop()
struct DebugTrap {      ///< KVM_EXIT_DEBUG: exception 1 (step, debug register; DR6 says which) or 3 (int3)
  std::uint32_t exception;
  std::uint64_t dr6;
  static constexpr std::uint64_t kSingleStep = 1U << 14;  ///< BS (SDM 3B 18.2.3)
  static constexpr std::uint64_t kRegisters = 0xf;        ///< B0 … B3
  /// The end of a step, and of nothing else.
  bool only_step() const { return exception == 1 && (dr6 & (kSingleStep | kRegisters)) == kSingleStep; }
};
struct EmulationFailure {  ///< KVM can't execute the instruction at rip; its first bytes, as far as known
  std::vector<std::byte> bytes;
};
struct TripleFault {};
struct HostFault {  ///< KVM or the host failed: what it said
  std::string text;
};
using StopCause = std::variant<Interrupted, DebugTrap, EmulationFailure, TripleFault, HostFault, MachineRequest>;

/// Posted exactly once for each run(); ownership of the state travels with it.
struct StopReport {
  unsigned vcpu = 0;
  StopCause cause;
  CpuState state;
  std::optional<CpuState> stepped_from;  ///< where the last step began, when it was not the first
};
/// Called on the vCPU thread; must only hand the report on.
using StopSink = std::function<void(StopReport)>;

}  // namespace vmm
