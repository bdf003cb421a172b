/// A VM of 1 MiB with one vCPU for micro-guests: a few bytes of code, run in any mode up to the first exit. For the
/// probes and for tests.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "vmm/kvm/vcpu.hpp"
#include "vmm/kvm/vm.hpp"
#include "vmm/memory/guest_memory.hpp"

namespace vmm::kvm {

class Bench {
 public:
  // All below 64 KiB so that real mode reaches them; each in a page of its own.
  static constexpr std::uint64_t kCode = 0x1000;
  static constexpr std::uint64_t kHandler = 0x1800;  ///< of every interrupt in real mode: ends the micro-guest
  static constexpr std::uint64_t kData = 0x2000;
  static constexpr std::uint64_t kStack = 0x9000;  ///< where the stack starts; it grows down

  // `out 0x80, al`: ends a micro-guest by an exit that every host has.
  static constexpr std::byte kOut{0xe6};
  static constexpr std::byte kEndPort{0x80};

  Bench(const System& system, Vm::Chips chips);

  void put(std::uint64_t address, std::initializer_list<std::byte> code) {
    memory_.write(address, std::span(code.begin(), code.size()));
  }
  void put(std::uint64_t address, std::uint32_t value) { memory_.store(address, value); }

  /// States that start at kCode. Paging maps all memory to itself, for user mode too.
  CpuState real() const;
  CpuState kernel() const;  ///< long mode, CPL 0
  CpuState user() const;    ///< long mode, CPL 3
  CpuState paging32() const;

  /// Runs from `state` until something other than a signal.
  Exit run(const CpuState& state, const DebugControl& control = {});
  Exit resume();
  /// Completes a half-done exit and leaves no trace of an exception for the next micro-guest.
  void settle();

  Vcpu& vcpu() { return vcpu_; }
  Vm& vm() { return vm_; }
  GuestMemory& memory() { return memory_; }

 private:
  GuestMemory memory_;
  Vm vm_;
  Vcpu vcpu_;
  CpuState reset_;
};

}  // namespace vmm::kvm
