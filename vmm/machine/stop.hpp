/// What crosses the border between the I/O thread and a vCPU thread: values only, and a Course that changes hands.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "vmm/cpu/cpu_state.hpp"
#include "vmm/devices/device.hpp"
#include "vmm/kvm/vcpu.hpp"

namespace vmm {

// --- why a vCPU parked ------------------------------------------------------------------------------------

struct Interrupted {};  ///< request_stop()
struct DebugTrap {      ///< KVM_EXIT_DEBUG: exception 1 (step, debug register; DR6 says which) or 3 (int3)
  std::uint32_t exception;
  std::uint64_t dr6;
  static constexpr std::uint64_t kSingleStep = 1U << 14;  ///< BS (SDM 3B 18.2.3)
  static constexpr std::uint64_t kRegisters = 0xf;        ///< B0 … B3
  static constexpr std::uint64_t kGeneral = 1U << 13;     ///< BD: a MOV to or from a debug register comes next
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
/// An access that AccessWatch looks out for; it is done, and so is its instruction (one element of a string).
struct WatchedAccess {
  enum class Space : std::uint8_t { kMemory, kPort, kMmio, kMsr };
  unsigned id = 0;  ///< of the AccessWatch::Range
  Space space = Space::kMemory;
  bool write = false;
  std::uint64_t address = 0;              ///< guest-physical, port or MSR
  unsigned size = 0;                      ///< bytes
  std::uint64_t value = 0;                ///< read or written
  std::optional<std::uint64_t> before{};  ///< of an MSR written
};
/// The guest pushes onto a protected page: what the CPU itself pushes there would be lost.
struct StackOnPage {
  std::uint64_t page;  ///< guest-physical
};
/// The guest reads, maybe to copy it, what was protected for a reason that no longer holds.
struct OutOfDate {};
using StopCause = std::variant<Interrupted, DebugTrap, EmulationFailure, TripleFault, HostFault, MachineRequest,
                               WatchedAccess, StackOnPage, OutOfDate>;

// --- how it runs ------------------------------------------------------------------------------------------

/// From one entry of the guest to the next stop.
struct Leg {
  std::optional<CpuState> state;  ///< the present state when empty
  kvm::DebugControl debug;
  bool wake = false;                      ///< leave HLT: the debugger moved the program counter of a halted vCPU
  std::optional<std::uint8_t> exception;  ///< a vector to deliver first
  std::uint64_t dr6 = 0;                  ///< with exception 1: what the guest shall find in DR6
};

/// Who says what a stop leads to, without asking the I/O thread. Thread: the vCPU's while it runs.
class Course {
 public:
  virtual ~Course() = default;
  /// The first leg, or empty: nothing is to be run, and that is reported as Interrupted.
  virtual std::optional<Leg> first(kvm::Vcpu& vcpu) = 0;
  /// The next leg, or empty: the vCPU parks, and reports.
  virtual std::optional<Leg> next(kvm::Vcpu& vcpu, const StopCause& cause, const CpuState& state) = 0;
};

/// In: how a parked vCPU shall run on.
struct RunOrder {
  Leg leg{};  ///< when there is no course: until the first stop
  std::shared_ptr<Course> course{};
  bool paused = false;  ///< it stood for the debugger's user: the guest is told
};

/// Out: posted exactly once for each run(); ownership of the state, and of the Course, travels with it.
struct StopReport {
  unsigned vcpu = 0;
  StopCause cause;
  CpuState state;
};
/// Called on the vCPU thread; must only hand the report on.
using StopSink = std::function<void(StopReport)>;

}  // namespace vmm
