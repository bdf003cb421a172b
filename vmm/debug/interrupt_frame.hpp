/// Interrupt delivery in software (SDM 3A 6.12, 6.14, 20.1.4): where a vector's handler is, the frame it finds, and the
/// way back. A host whose KVM loses control in user mode is debugged with these.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "vmm/cpu/cpu_state.hpp"
#include "vmm/memory/guest_memory.hpp"

namespace vmm {

/// The linear address of the handler of `vector` by the guest's IDT, in protected mode taken as flat; empty when there
/// is none.
std::optional<std::uint64_t> handler_of(const CpuState& state, const GuestMemory& memory, unsigned vector);

struct InterruptFrame {
  std::uint64_t rip;
  std::uint64_t cs;
  std::uint64_t rflags;
  std::uint64_t rsp;
  std::uint64_t ss;
  bool from_user() const { return (cs & 3) == 3; }
};
/// The frame at `address`: of a vector without error code, at its handler's first instruction; or what IRETQ would pop.
std::optional<InterruptFrame> frame_at(const CpuState& state, const GuestMemory& memory, std::uint64_t address);

/// Where an exception came from, as its handler finds it at its first instruction; empty when the stack can't be read.
struct ExceptionOrigin {
  std::uint64_t address;  ///< linear: of the instruction that faulted, or behind the one that trapped
  std::optional<std::uint64_t> error_code;
};
std::optional<ExceptionOrigin> exception_origin(const CpuState& state, const GuestMemory& memory, unsigned vector);

/// The state as IRETQ of this frame to user mode leaves it; empty when the guest's descriptors do not allow it.
std::optional<CpuState> return_to_user(const CpuState& state, const GuestMemory& memory, const InterruptFrame& frame);

/// What a single step leaves of its TF where the guest can find it (SDM 3B 18.3.1.4): in a frame, when the step ended
/// in a handler; in the word that PUSHF pushed; in R11 behind SYSCALL. Clears it, unless the guest itself had TF set
/// before. Returns the state after the step as the guest is to see it.
CpuState without_step_flag(const CpuState& before, CpuState after, GuestMemory& memory);

/// Where the instruction at the program counter may lead beside its successor or target (SDM 2A, the exceptions of each
/// instruction). Not listed, as there are but four debug registers: #TS, #MF, #AC, #XM, #MC, #CP.
struct SideExits {
  std::vector<unsigned> vectors;           ///< INT n: its own; else the exceptions it may raise, at most four
  std::optional<std::uint32_t> entry_msr;  ///< SYSCALL, SYSENTER: the MSR that holds the kernel's entry
  bool operator==(const SideExits&) const = default;
};
SideExits side_exits(const CpuState& state, const GuestMemory& memory);

/// The instruction at the program counter is MOV to or from a debug register.
bool at_debug_register_move(const CpuState& state, const GuestMemory& memory);
/// The instruction at the program counter is VMCALL or VMMCALL.
bool at_hypercall(const CpuState& state, const GuestMemory& memory);

}  // namespace vmm
