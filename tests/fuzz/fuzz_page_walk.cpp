/// Any control registers, tables and addresses: walks, copies, segment loads and the search for page tables never read
/// outside guest memory.
/// Input: CR0, CR3, CR4, EFER, RFLAGS, GDT base, linear address (8 bytes each), CS flags and selector (2 bytes each);
/// the rest is memory from address 0.
#include <array>
#include <cstdint>
#include <cstring>
#include <span>

#include "tests/fuzz/guest_input.hpp"
#include "vmm/base/errors.hpp"
#include "vmm/cpu/page_walk.hpp"
#include "vmm/cpu/segment.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  struct {
    std::uint64_t cr0, cr3, cr4, efer, rflags, gdt, linear;
    std::uint16_t code_flags, selector;
  } input{};
  constexpr std::size_t kHeader = 60;
  if (size < kHeader) return 0;
  std::memcpy(&input, data, kHeader);

  vmm::GuestMemory& memory = memory_with(std::span(data, size).subspan(kHeader));
  vmm::CpuState state = control_state(input);
  state.gdt = {input.gdt, 0xffff};
  state.segments[vmm::kCs].db = (input.code_flags & 2) != 0;
  state.segments[vmm::kSs].dpl = input.code_flags >> 2 & 3;

  if (const auto page = vmm::walk(state, memory, input.linear); !page) (void)vmm::describe(page.error());
  for (const std::uint64_t table : vmm::table_pages(std::span(&state, 1), memory)) {
    VMM_CHECK(memory.contains(table, 4096));
  }
  std::array<std::byte, 5000> bytes{};
  const std::size_t count = vmm::read_linear(state, memory, input.linear, bytes);
  vmm::write_linear(state, memory, input.linear, std::span(bytes).first(count));
  for (const auto which : {vmm::kCs, vmm::kSs, vmm::kDs}) (void)vmm::load_segment(state, memory, which, input.selector);
  return 0;
}
