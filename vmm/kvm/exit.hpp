/// Why KVM_RUN came back, as values (KVM API document, "The kvm_run structure").
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace vmm::kvm {

/// `data` points into the kvm_run page: `count` elements of `size` bytes, to be filled when `in`.
struct ExitIo {
  bool in;
  std::uint8_t size;
  std::uint16_t port;
  std::uint32_t count;
  std::span<std::byte> data;
};
struct ExitMmio {
  bool write;
  std::uint64_t address;
  std::span<std::byte> data;
};
/// RDMSR or WRMSR of an MSR that Vm::trap_msrs() names, to be done by Vcpu::complete_msr().
struct ExitMsr {
  bool write;
  std::uint32_t index;
  std::uint64_t data;  ///< of a write
};
/// KVM_EXIT_DEBUG: exception 1 (#DB: step or debug register) or 3 (#BP: a planted int3).
struct ExitDebug {
  std::uint32_t exception;
  std::uint64_t linear_pc;
  std::uint64_t dr6;  ///< of exception 1; else 0
};
/// A signal, or immediate_exit: nothing is pending any more.
struct ExitInterrupted {};
/// HLT without an in-kernel irqchip.
struct ExitHalt {};
/// Triple fault.
struct ExitShutdown {};
/// An instruction KVM's emulator can't execute; up to 15 bytes from rip on.
struct ExitEmulationFailure {
  std::vector<std::byte> bytes;
};
/// KVM itself gave up: what it said.
struct ExitHostFault {
  std::string text;
};

using Exit = std::variant<ExitIo, ExitMmio, ExitDebug, ExitInterrupted, ExitHalt, ExitShutdown, ExitEmulationFailure,
                          ExitHostFault, ExitMsr>;

}  // namespace vmm::kvm
