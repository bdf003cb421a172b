// The part of the Debugger that shows and changes the state of a vCPU that stands: registers and memory.
#include <fmt/format.h>

#include "vmm/base/errors.hpp"
#include "vmm/cpu/page_walk.hpp"
#include "vmm/debug/debugger.hpp"
#include "vmm/debug/registers.hpp"

namespace vmm {

namespace {

using gdb::x86::Register;

bool only_general(Register reg) { return reg <= Register::kEflags || reg >= Register::kEax; }

}  // namespace

const ExtendedState& Debugger::extended(unsigned vcpu) {
  auto& cached = extended_.at(vcpu);
  if (!cached) cached = machine_->vcpu(vcpu).call([](kvm::Vcpu& v) { return v.extended_state(); });
  return *cached;
}

gdb::Result<gdb::x86::Value> Debugger::read_register(gdb::ThreadId thread, Register reg) {
  try {
    return is_extended(reg) ? get_register(extended(thread - 1), reg) : get_register(run_->state(thread - 1), reg);
  } catch (const HostError& error) {
    return gdb::fail(error.what());
  }
}

gdb::Result<void> Debugger::write_register(gdb::ThreadId thread, Register reg, const gdb::x86::Value& value) {
  const unsigned vcpu = thread - 1;
  try {
    if (is_extended(reg)) {
      const auto changed = with_register(extended(vcpu), reg, value);
      if (!changed) return std::unexpected(changed.error());
      extended_.at(vcpu).reset();
      machine_->vcpu(vcpu).call([&](kvm::Vcpu& v) { v.set_extended_state(*changed); });
      return {};
    }
    const CpuState before = run_->state(vcpu);
    const auto changed = with_register(before, machine_->memory(), reg, value);
    if (!changed) return std::unexpected(changed.error());
    const bool moved = reg == Register::kRip || reg == Register::kEip;
    if (only_general(reg) && !(reg >= Register::kCs && reg <= Register::kGs)) {
      run_->set_state(vcpu, *changed, moved);
      return {};
    }
    // System state is written through at once, because only KVM knows whether this host takes it.
    const CpuState taken = machine_->vcpu(vcpu).call([&](kvm::Vcpu& v) {
      try {
        v.set_state(*changed);
        return v.state();
      } catch (const HostError&) {
        v.set_state(before);
        throw;
      }
    });
    if (get_register(taken, reg) != get_register(*changed, reg)) {
      machine_->vcpu(vcpu).call([&](kvm::Vcpu& v) { v.set_state(before); });
      return gdb::fail(fmt::format("this host's KVM makes {:#x} of the value {:#x} for {}",
                                   get_register(taken, reg).number(), value.number(), info(reg).name));
    }
    run_->adopt_state(vcpu, taken, false);
    return {};
  } catch (const HostError& error) {
    return gdb::fail(
        fmt::format("KVM refuses the value {:#x} for {} ({})", value.number(), info(reg).name, error.what()));
  }
}

gdb::Result<std::size_t> Debugger::read_memory(gdb::ThreadId thread, gdb::AddressSpace space, std::uint64_t address,
                                               std::span<std::byte> out) {
  if (out.empty()) return 0;
  if (space == gdb::AddressSpace::kPhysical) {
    const std::size_t count = machine_->memory().read(address, out);
    machine_->planted().hide(address, out.first(count));
    if (count > 0) return count;
    return gdb::fail(fmt::format("no memory at guest-physical address {:#x}", address));
  }
  const CpuState& state = run_->state(thread - 1);
  const std::size_t count = read_linear(state, machine_->memory(), machine_->planted(), address, out);
  if (count > 0) return count;
  const auto found = walk(state, machine_->memory(), address);
  if (!found) return gdb::fail(fmt::format("{:#x} is {}", address, describe(found.error())));
  return gdb::fail(fmt::format("{:#x} maps to {:#x}, where there is no memory", address, found->physical));
}

gdb::Result<void> Debugger::write_memory(gdb::ThreadId thread, gdb::AddressSpace space, std::uint64_t address,
                                         std::span<const std::byte> data) {
  std::vector<std::byte> present(data.size());
  const auto readable = read_memory(thread, space, address, present);
  if (!readable) return std::unexpected(readable.error());
  if (*readable < data.size()) return gdb::fail(fmt::format("nothing is mapped at {:#x}", address + *readable));
  if (space == gdb::AddressSpace::kPhysical) {
    machine_->planted().write_under(address, data);
  } else {
    write_linear(run_->state(thread - 1), machine_->memory(), machine_->planted(), address, data);
  }
  return {};
}

}  // namespace vmm
