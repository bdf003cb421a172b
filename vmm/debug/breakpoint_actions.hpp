/// Conditions and commands of breakpoints, run here when a CPU stands on one, so that gdb hears only of what stops.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "gdbstub/target.hpp"
#include "gdbstub/x86/registers.hpp"
#include "vmm/cpu/cpu_state.hpp"
#include "vmm/machine/machine.hpp"

namespace vmm {

struct HitVerdict {
  bool stops = true;
  bool counts = true;  ///< as a hit: its condition held, or could not be evaluated
  std::string why{};   ///< a line for the user, when an expression failed
};

/// A stopped vCPU as agent expressions see it. Thread: the vCPU's.
class StoppedCpu : public gdb::AgentMachine {
 public:
  using Print = std::function<void(std::string)>;
  StoppedCpu(Machine& machine, kvm::Vcpu& vcpu, const CpuState& state, const gdb::x86::Layout& layout,
             const Print& print);

  std::optional<std::uint64_t> register_value(unsigned number) override;
  bool read(std::uint64_t address, std::span<std::byte> out) override;
  void print(std::string_view text) override { print_(std::string(text)); }

 private:
  Machine& machine_;
  kvm::Vcpu& vcpu_;
  const CpuState& state_;
  const gdb::x86::Layout& layout_;
  const Print& print_;
};

/// Stops when any condition holds and there are no commands; commands are run, and the guest goes on. An expression
/// that can't be evaluated stops, and says why.
HitVerdict run_actions(const gdb::BreakpointActions& actions, gdb::AgentMachine& cpu);

}  // namespace vmm
