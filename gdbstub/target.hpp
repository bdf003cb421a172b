/// What a debuggee offers. The Session (protocol) knows only this; the Debugger (virtual machine) implements it.
///
/// Every call is made on the I/O thread and returns at once. Stops come later, through TargetListener.
/// An optional part that is null is not advertised to gdb, and its packets get the empty reply.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gdbstub/agent_expression.hpp"
#include "gdbstub/types.hpp"
#include "gdbstub/x86/registers.hpp"

namespace gdb {

/// Who hears of a target's stops and console lines: the Session that is attached. Called on the I/O thread,
/// possibly from inside attach() or resume().
class TargetListener {
 public:
  virtual ~TargetListener() = default;
  virtual void stopped(const StopEvent& event) = 0;
  virtual void console(std::string_view text) = 0;
};

/// What a breakpoint does at the target, without a word to gdb (GDB manual, "Packets", Z0).
struct BreakpointActions {
  std::vector<AgentExpression> conditions;  ///< it counts as hit when any is not 0; always, when there are none
  std::vector<AgentExpression> commands;    ///< run at a hit, after which the guest goes on
};

/// Z and z packets. Both are idempotent. An address need be neither mapped nor loaded yet.
class Breakpoints {
 public:
  virtual ~Breakpoints() = default;
  /// Whether execution breakpoints take conditions and commands.
  virtual bool takes_actions() const { return false; }
  /// A second insert() of the same `spec` replaces its actions.
  virtual Result<void> insert(const BreakpointSpec& spec, BreakpointActions actions) = 0;
  virtual Result<void> remove(const BreakpointSpec& spec) = 0;
};

/// qRcmd: the `monitor` command.
class Monitor {
 public:
  virtual ~Monitor() = default;
  /// `line` as the user typed it; returns what to print (with its newlines).
  virtual Result<std::string> command(std::string_view line) = 0;
};

class Target {
 public:
  virtual ~Target() = default;

  // --- a debugger comes and goes -------------------------------------------------------------------
  /// A debugger has connected. The target begins to stop; exactly one `listener.stopped()` follows, at once or
  /// later, with the reason why the target is stopped (also when it was stopped before). All-stop mode begins.
  virtual void attach(TargetListener& listener) = 0;
  /// `D`: everything planted is undone, the guest runs on; the listener is forgotten.
  virtual void detach() = 0;
  /// The connection was lost without `D`: the policy of --on-disconnect decides; the listener is forgotten.
  virtual void disconnected() = 0;
  /// `k`, `vKill`: the debuggee ends, and with it the program; the listener is forgotten. The reply has been sent.
  virtual void kill() = 0;
  /// `vRun`, `R`: back to the first instruction, stopped there; one stopped() follows, in non-stop mode too. Called
  /// while all threads are stopped.
  virtual Result<void> restart() = 0;

  // --- threads -------------------------------------------------------------------------------------
  virtual std::vector<ThreadId> threads() const = 0;
  /// One line for `info threads`.
  virtual std::string thread_info(ThreadId thread) const = 0;
  /// The name that gdb shows, e.g. "CPU 0"; none when empty. Whether there are names does not change.
  virtual std::string thread_name(ThreadId) const { return {}; }
  /// The processor that the thread is on; not told when empty.
  virtual std::optional<unsigned> core(ThreadId) const { return {}; }

  // --- state; only asked for while `thread` is stopped ---------------------------------------------------
  /// The one description, the same for the target's whole life.
  virtual const x86::Layout& layout() const = 0;
  virtual Result<x86::Value> read_register(ThreadId thread, x86::Register reg) = 0;
  virtual Result<void> write_register(ThreadId thread, x86::Register reg, const x86::Value& value) = 0;
  /// Reads as much of [address, address + out.size()) as is mapped from its start; returns the count (> 0 unless
  /// `out` is empty), or why the first byte can't be read.
  virtual Result<std::size_t> read_memory(ThreadId thread, AddressSpace space, std::uint64_t address,
                                          std::span<std::byte> out) = 0;
  /// All of `data` or, on error, nothing.
  virtual Result<void> write_memory(ThreadId thread, AddressSpace space, std::uint64_t address,
                                    std::span<const std::byte> data) = 0;

  // --- running -------------------------------------------------------------------------------------------
  /// Whether any thread runs, as far as the debugger is concerned.
  virtual bool running() const = 0;
  virtual bool thread_running(ThreadId) const { return running(); }
  /// Returns at once. All-stop: one stopped() follows, when the target has stopped as a whole. Non-stop: a thread that
  /// runs already heeds only kStop, and then reports Signal::kNone; a thread that is stopped heeds all but kStop.
  virtual Result<void> resume(const ResumePlan& plan) = 0;
  /// Ctrl-C in all-stop mode: stops a running target (stopped() with Signal::kInterrupt, unless another stop came
  /// first); nothing when it is stopped.
  virtual void interrupt() = 0;

  // --- non-stop mode: each thread stops and runs by itself (GDB manual, "Remote Non-Stop") ----------------------
  /// Whether set_non_stop() works.
  virtual bool offers_non_stop() const { return false; }
  /// Called while all threads are stopped. In non-stop mode stopped() tells of `event.thread` alone, once for each time
  /// that thread stops, possibly from inside resume(); the end of the guest is told once, and stops all threads.
  /// The mode ends with the connection, whichever way that ends.
  virtual void set_non_stop(bool /*on*/) {}
  /// Why a stopped thread is stopped, for a gdb that has not heard of it.
  virtual StopEvent stop_of(ThreadId thread) const { return {.thread = thread, .signal = Signal::kNone}; }

  // --- optional parts --------------------------------------------------------------------------------------
  virtual Breakpoints* breakpoints() { return nullptr; }
  virtual Monitor* monitor() { return nullptr; }
};

}  // namespace gdb
