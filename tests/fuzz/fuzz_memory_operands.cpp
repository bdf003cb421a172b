/// Any code and registers in any mode: what is said of the next instruction (its operands, where it may lead, whether
/// it calls the host) and of the exception that a handler stands in, never reads outside guest memory.
/// Input: CR0, CR3, CR4, EFER, RFLAGS, RIP, SS base (8 bytes each), the general registers, CS flags, vector; the rest
/// is memory from address 0. The code is where RIP says, which the seeds put behind their tables.
#include <array>
#include <cstdint>
#include <cstring>
#include <span>

#include "tests/fuzz/guest_input.hpp"
#include "vmm/base/errors.hpp"
#include "vmm/debug/interrupt_frame.hpp"
#include "vmm/debug/memory_operands.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  struct {
    std::uint64_t cr0, cr3, cr4, efer, rflags, rip, stack_base;
    std::array<std::uint64_t, 16> gpr;
    std::uint8_t code_flags, vector;
  } input{};
  constexpr std::size_t kHeader = 186;
  if (size < kHeader) return 0;
  std::memcpy(&input, data, kHeader);

  vmm::GuestMemory& memory = memory_with(std::span(data, size).subspan(kHeader));
  vmm::CpuState state = control_state(input);
  state.rip = input.rip;
  state.gpr = input.gpr;
  state.segments[vmm::kCs].db = (input.code_flags & 2) != 0;
  state.segments[vmm::kSs].db = (input.code_flags & 4) != 0;
  state.segments[vmm::kSs].base = input.stack_base;

  vmm::CpuState after = state;
  after.gpr[vmm::kRcx] = state.gpr[vmm::kRbx];
  constexpr std::uint64_t kLargest = 16384;  // XSAVE's area
  for (const vmm::MemoryOperand& operand : vmm::memory_operands(state, memory)) {
    VMM_CHECK(operand.size <= kLargest);
    (void)vmm::touched(operand, state, after);
    VMM_CHECK(vmm::mode_of(state) == vmm::CpuMode::kLong64 || operand.linear >> 32U == 0);
  }
  VMM_CHECK(vmm::side_exits(state, memory).vectors.size() <= 4);
  (void)vmm::exception_origin(state, memory, input.vector);
  (void)vmm::at_hypercall(state, memory);
  return 0;
}
