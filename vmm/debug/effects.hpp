/// What an instruction does to registers, flags, stack and memory, gathered before any of it happens.
///
/// Thread: the vCPU's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "vmm/cpu/cpu_state.hpp"
#include "vmm/debug/instruction.hpp"
#include "vmm/debug/quiet_access.hpp"
#include "vmm/memory/guest_memory.hpp"
#include "vmm/memory/planted_bytes.hpp"

namespace vmm {

/// One instruction on its way: it reads the state before it and makes the one behind it; its store waits for the end.
/// What returns false or nothing refuses the instruction.
class Effects {
 public:
  Effects(const CpuState& state, const Instruction& instruction, const GuestMemory& memory, const PlantedBytes& planted,
          const LeaveToCpu& leave_to_cpu);

  const ZydisDecodedInstruction& head() const { return instruction_.head; }
  const ZydisDecodedOperand& operand(std::size_t index) const { return instruction_.slots.at(index); }
  unsigned bits(std::size_t index) const { return operand(index).size; }
  std::uint64_t flags() const { return before_.rflags; }
  std::uint64_t gpr(Gpr index) const { return before_.gpr.at(index); }
  std::uint64_t next_rip() const { return after_.rip; }
  unsigned word_bits() const { return long_ ? 64 : 32; }
  const CpuState& after() const { return after_; }

  /// Of operand `index`; of a constant, sign-extended where the CPU does that.
  std::optional<std::uint64_t> read(std::size_t index);
  bool write(std::size_t index, std::uint64_t value);
  /// A general register whole, as a 32-bit result fills it.
  void set_gpr(Gpr index, std::uint64_t value) { after_.gpr.at(index) = value; }
  void set_flags(std::uint64_t which, std::uint64_t value) {
    after_.rflags = (after_.rflags & ~which) | (value & which);
  }
  std::uint64_t offset(std::size_t index) const { return offset_of(before_, instruction_, operand(index)); }

  // 32 or 64 bits, by the mode.
  bool push(std::uint64_t value);
  /// What is at `stack_pointer`; the stack then begins behind it and `dropped` further bytes.
  std::optional<std::uint64_t> pop_at(std::uint64_t stack_pointer, std::uint64_t dropped = 0);
  void jump(std::uint64_t target) { after_.rip = code_address(target); }

  /// Does the store, if there is one.
  void store(PlantedBytes& planted) const;

 private:
  std::optional<DataAccess> access(const WantedAccess& wanted) const;
  std::optional<DataAccess> access_of(const ZydisDecodedOperand& operand) const;
  std::uint64_t load(const DataAccess& access) const;
  std::uint64_t code_address(std::uint64_t rip) const;
  bool flat_stack() const { return long_ || before_.segments[kSs].db; }

  const CpuState& before_;
  CpuState after_;
  const Instruction& instruction_;
  const GuestMemory& memory_;
  const PlantedBytes& planted_;
  const LeaveToCpu& leave_to_cpu_;
  const bool long_;
  struct Store {
    DataAccess access;
    std::uint64_t value;
  };
  std::optional<Store> store_;
};

}  // namespace vmm
