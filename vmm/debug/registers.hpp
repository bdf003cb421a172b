/// CpuState and ExtendedState ⇄ the registers gdb sees.
#pragma once

#include <expected>
#include <string>

#include "gdbstub/types.hpp"
#include "gdbstub/x86/registers.hpp"
#include "vmm/cpu/cpu_state.hpp"
#include "vmm/memory/guest_memory.hpp"

namespace vmm {

/// Whether the register lives in ExtendedState (x87, SSE, k_gs_base), which a stop does not capture.
bool is_extended(gdb::x86::Register reg);

gdb::x86::Value get_register(const CpuState& state, gdb::x86::Register reg);
gdb::x86::Value get_register(const ExtendedState& state, gdb::x86::Register reg);

/// The state with the register written, as a MOV would leave it: a selector brings its descriptor, the linear program
/// counter becomes an offset in CS. The error says why the CPU would refuse it.
gdb::Result<CpuState> with_register(const CpuState& state, const GuestMemory& memory, gdb::x86::Register reg,
                                    const gdb::x86::Value& value);
gdb::Result<ExtendedState> with_register(const ExtendedState& state, gdb::x86::Register reg,
                                         const gdb::x86::Value& value);

/// All integer registers as text, for people: what a crash prints and `monitor info registers` shows.
std::string register_dump(const CpuState& state);

}  // namespace vmm
