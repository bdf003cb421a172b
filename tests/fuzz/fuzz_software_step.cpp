/// Any instruction bytes, registers and page tables: step_in_software never reads or writes outside guest memory, and
/// what it refuses leaves memory as it was.
/// Input: RIP, RFLAGS, CR0, CR3, CR4, EFER, 16 registers (8 bytes each), CS flags (2 bytes), 15 bytes of code for RIP;
/// the rest is memory from address 0.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>

#include "tests/fuzz/guest_input.hpp"
#include "vmm/cpu/page_walk.hpp"
#include "vmm/debug/software_step.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  struct {
    std::uint64_t rip, rflags, cr0, cr3, cr4, efer;
    std::array<std::uint64_t, 16> gpr;
    std::uint16_t code_flags;
    std::array<std::byte, vmm::kLongestInstruction> code;
  } input{};
  constexpr std::size_t kHeader = 193;
  if (size < kHeader) return 0;
  std::memcpy(&input, data, kHeader);

  constexpr std::size_t kUsed = 0x10000;  // of memory, that is looked at afterwards
  vmm::GuestMemory& memory = memory_with(std::span(data, size).subspan(kHeader));
  vmm::CpuState state = control_state(input);
  state.rip = input.rip;
  state.gpr = input.gpr;
  for (vmm::Segment& segment : state.segments) {
    segment = {.limit = 0xffffffff, .type = 3, .db = true, .l = segment.l};
  }
  state.segments[vmm::kDs].base = input.code_flags & 0xff0;
  state.segments[vmm::kSs].dpl = input.code_flags >> 2 & 3;
  vmm::write_linear(state, memory, vmm::linear_pc(state), input.code);

  vmm::PlantedBytes planted(memory);
  if (const auto place = vmm::walk(state, memory, vmm::linear_pc(state)))
    planted.plant(place->physical, std::byte{0xcc});
  std::array<std::byte, kUsed> before{};
  std::array<std::byte, kUsed> after{};
  memory.read(0, before);
  const auto leave = [](const vmm::DataAccess& access) { return (access.physical & 0x800) != 0; };
  const bool simple = vmm::looks_simple(state, memory, planted);
  const bool done = vmm::step_in_software(state, memory, planted, leave).has_value();
  memory.read(0, after);
  if (!done && before != after) std::abort();
  if (done && !simple) std::abort();
  return 0;
}
