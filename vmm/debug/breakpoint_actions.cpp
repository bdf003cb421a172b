#include "vmm/debug/breakpoint_actions.hpp"

#include <fmt/format.h>

#include <utility>

#include "vmm/cpu/page_walk.hpp"
#include "vmm/debug/registers.hpp"

namespace vmm {

StoppedCpu::StoppedCpu(Machine& machine, kvm::Vcpu& vcpu, const CpuState& state, const gdb::x86::Layout& layout,
                       const Print& print)
    : machine_(machine), vcpu_(vcpu), state_(state), layout_(layout), print_(print) {}

std::optional<std::uint64_t> StoppedCpu::register_value(unsigned number) {
  const auto reg = layout_.from_number(number);
  if (!reg) return std::nullopt;
  if (!is_extended(*reg)) return get_register(state_, *reg).number();
  return get_register(vcpu_.extended_state(), *reg).number();
}

bool StoppedCpu::read(std::uint64_t address, std::span<std::byte> out) {
  return read_linear(state_, machine_.memory(), machine_.planted(), address, out) == out.size();
}

HitVerdict run_actions(const gdb::BreakpointActions& actions, gdb::AgentMachine& cpu) {
  const auto failed = [](const char* what, const std::string& error) {
    return HitVerdict{.why = fmt::format("stopped because the breakpoint's {} failed: {}\n", what, error)};
  };
  bool holds = actions.conditions.empty();
  for (const gdb::AgentExpression& condition : actions.conditions) {
    const auto value = condition.evaluate(cpu);
    if (!value) return failed("condition", value.error());
    holds = holds || *value != 0;
  }
  if (!holds) return {.stops = false, .counts = false};
  for (const gdb::AgentExpression& command : actions.commands) {
    const auto value = command.evaluate(cpu);
    if (!value) return failed("command", value.error());
  }
  return {.stops = actions.commands.empty()};
}

}  // namespace vmm
