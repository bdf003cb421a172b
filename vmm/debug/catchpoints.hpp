/// `monitor catch`: events of the machine that stop it with a line that says what, where, and the old and new value.
///
/// Thread: the list I/O; a Catchpoint is shared with the vCPU threads, which count its hits.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gdbstub/types.hpp"
#include "vmm/cpu/cpu_state.hpp"
#include "vmm/machine/stop.hpp"
#include "vmm/memory/guest_memory.hpp"

namespace vmm {

struct Catchpoint {
  enum class Kind : std::uint8_t { kException, kTripleFault, kReset, kCr3, kMsr, kPort, kMmio, kHypercall };
  unsigned number = 0;
  Kind kind = Kind::kException;
  std::uint64_t value = 0;  ///< vector, MSR, port or guest-physical address
  mutable std::atomic<std::uint64_t> hits = 0;
  // The value seen last at a port or device register: reading it anew might disturb the device.
  mutable std::atomic<bool> seen = false;
  mutable std::atomic<std::uint64_t> last = 0;
};

/// "exception 14 (#PF)", "io port 0x3f8", …
std::string describe(const Catchpoint& row);

/// What is to be said when it stops the guest; counts the hit. `state`: at the stop.
std::string tell(const Catchpoint& row, const CpuState& state, const std::string& what = {});
/// The same of an access, behind its instruction.
std::string tell(const Catchpoint& row, const CpuState& state, const WatchedAccess& access);
/// The same of an exception, at its handler's first instruction: the frame says where it came from.
std::string tell_exception(const Catchpoint& row, const CpuState& state, const GuestMemory& memory);

class Catchpoints {
 public:
  /// `words`: as behind `monitor catch`. The error says what is wrong with them.
  gdb::Result<std::string> add(std::span<const std::string> words);
  /// A number, or `all`.
  gdb::Result<std::string> remove(const std::string& which);
  void clear() { rows_.clear(); }
  std::string list() const;
  const std::vector<std::shared_ptr<Catchpoint>>& rows() const { return rows_; }

 private:
  std::vector<std::shared_ptr<Catchpoint>> rows_;
  unsigned last_number_ = 0;
};

}  // namespace vmm
