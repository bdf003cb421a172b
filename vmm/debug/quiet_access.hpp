/// Accesses to guest memory that can be done for a CPU without anyone telling the difference: none that could fault,
/// that must mark a paging entry, or that the host must hear of.
///
/// Thread: the vCPU's. The guest may change its tables meanwhile, as it may under a CPU's access.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "vmm/cpu/cpu_state.hpp"
#include "vmm/memory/guest_memory.hpp"
#include "vmm/memory/planted_bytes.hpp"

namespace vmm {

struct DataAccess {
  std::uint64_t linear;
  std::uint64_t physical;
  unsigned size;  ///< bytes, within one page
  bool read;
  bool written;
};
/// True: the CPU must do it itself, as a protected page or a watchpoint waits for it.
using LeaveToCpu = std::function<bool(const DataAccess&)>;

/// What makes up an access before its address is translated.
struct WantedAccess {
  SegmentIndex segment;
  std::uint64_t offset;
  unsigned size;
  bool read;
  bool written;
};

/// In mode kLong64 or kProtected32. Also empty for stores that are misaligned, that meet a planted byte, or that may
/// change a paging structure: KVM's shadow of that, where it has one, does not hear of our writes.
std::optional<DataAccess> quiet_data_access(const CpuState& state, const GuestMemory& memory,
                                            const PlantedBytes& planted, const WantedAccess& wanted);

/// The code at the program counter up to the end of its page, at most `kLongestInstruction` bytes; none when the CPU
/// might not fetch it.
inline constexpr std::size_t kLongestInstruction = 15;
std::size_t quiet_fetch(const CpuState& state, const GuestMemory& memory, const PlantedBytes& planted,
                        std::span<std::byte, kLongestInstruction> code);

/// The CPU can go on there: canonical, and inside its code segment.
bool may_jump_to(const CpuState& state, std::uint64_t rip);

}  // namespace vmm
