/// One simple instruction done here instead of by the CPU: over a planted int3 without taking it out, so that no other
/// CPU has to stand still for it; and when the guest is stepped, as each step by KVM costs several system calls.
#pragma once

#include <optional>

#include "vmm/cpu/cpu_state.hpp"
#include "vmm/debug/quiet_access.hpp"
#include "vmm/memory/guest_memory.hpp"
#include "vmm/memory/planted_bytes.hpp"

namespace vmm {

/// The state behind the instruction at the program counter, its store to memory, if it has one, done. Empty when it is
/// not one of the simple ones, when anything about it could fault or be noticed, or when the CPU must do it; then
/// nothing has happened.
///
/// Simple are, in 64-bit and 32-bit protected mode: NOP ENDBR; MOV MOVZX MOVSX MOVSXD LEA XCHG of registers; PUSH and
/// POP of registers and constants, LEAVE; ADD ADC SUB SBB AND OR XOR CMP TEST INC DEC NEG NOT; SHL SHR SAR by a
/// constant; SETcc CMOVcc CWDE CDQE CDQ CQO; JMP Jcc CALL relative, RET. Without REP, LOCK and trap flag.
/// The guest's own breakpoints in debug registers are the caller's care.
/// Thread: the vCPU's; the I/O thread while every vCPU stands.
std::optional<CpuState> step_in_software(const CpuState& state, GuestMemory& memory, PlantedBytes& planted,
                                         const LeaveToCpu& leave_to_cpu);

/// The instruction at the program counter is of these kinds, so step_in_software() is worth a try.
bool looks_simple(const CpuState& state, const GuestMemory& memory, const PlantedBytes& planted);

}  // namespace vmm
