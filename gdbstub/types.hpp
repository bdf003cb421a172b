/// Values of the debugger protocol: what a Session and a Target say to each other.
/// Plain data, no behaviour; safe to copy between threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gdb {

/// A thread as gdb counts them, from 1. A virtual machine shows vCPU n as thread n + 1.
using ThreadId = std::uint32_t;

/// What a refused request tells the user; sent as `E.text` when gdb offers error-message, else `E NN`.
struct Error {
  std::string text;
  std::uint8_t code = 1;  ///< the NN of `E NN` (GDB manual, "Standard Replies")
};

template <typename T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(std::string text, std::uint8_t code = 1) {
  return std::unexpected(Error{std::move(text), code});
}

/// GDB's own signal numbers (include/gdb/signals.def), those a VM can have.
enum class Signal : std::uint8_t {
  kNone = 0,
  kInterrupt = 2,
  kIllegal = 4,
  kTrap = 5,
  kAbort = 6,
  kSegv = 11,
};

/// Why the target stopped, or that it is gone.
enum class StopReason : std::uint8_t {
  kSignal,              ///< `signal` says which; also the end of a step (kTrap)
  kSoftwareBreakpoint,  ///< `swbreak`; the program counter is at the breakpoint
  kHardwareBreakpoint,  ///< `hwbreak`
  kWriteWatch,          ///< `watch:ADDRESS`
  kReadWatch,           ///< `rwatch:ADDRESS`
  kAccessWatch,         ///< `awatch:ADDRESS`
  kExited,              ///< `W`: the guest ended with `exit_code`
  kKilled,              ///< `X`: the guest was ended by `signal`
};

struct StopEvent {
  ThreadId thread = 1;
  StopReason reason = StopReason::kSignal;
  Signal signal = Signal::kTrap;
  std::uint64_t address = 0;   ///< of a watchpoint, as the user gave it
  std::uint8_t exit_code = 0;  ///< of kExited
  std::string console{};       ///< shown to the user before the stop (an `O` packet); may be empty
};

inline bool ends_guest(const StopEvent& event) {
  return event.reason == StopReason::kExited || event.reason == StopReason::kKilled;
}

struct AddressRange {
  std::uint64_t begin;
  std::uint64_t end;  ///< behind the last
  bool contains(std::uint64_t address) const { return address >= begin && address < end; }
};

/// What the threads shall do next (GDB manual, "vCont"). The first action that matches a thread is its;
/// a thread that none matches stays as it is.
struct ResumePlan {
  enum class Verb : std::uint8_t { kContinue, kStep, kStop };
  struct Action {
    Verb verb = Verb::kContinue;
    Signal signal = Signal::kNone;        ///< of C and S; a VM has no signals and ignores it
    std::optional<ThreadId> thread;       ///< all threads when empty
    std::optional<AddressRange> range{};  ///< of kStep: go on stepping while the program counter is in it
  };
  std::vector<Action> actions;

  static ResumePlan stop_all() { return {{{.verb = Verb::kStop, .thread = std::nullopt}}}; }
};

/// The digit of a Z or z packet.
enum class BreakpointType : std::uint8_t {
  kSoftware = 0,
  kHardware = 1,
  kWriteWatch = 2,
  kReadWatch = 3,
  kAccessWatch = 4,
};

struct BreakpointSpec {
  BreakpointType type = BreakpointType::kSoftware;
  std::uint64_t address = 0;  ///< linear (virtual) address
  std::uint64_t kind = 1;     ///< bytes: of the instruction (1 on x86) or of the watched object
  bool operator==(const BreakpointSpec&) const = default;
};

/// Which addresses a memory request means. gdb's are linear; `Qqemu.PhyMemMode:1` switches to guest-physical.
enum class AddressSpace : std::uint8_t { kLinear, kPhysical };

}  // namespace gdb
