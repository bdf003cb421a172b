/// Address range → Device, under one lock. One Bus for port I/O, one for MMIO; both share the lock they are given, so
/// device events have one total order. What devices call takes leaf locks only (a
/// host end's queue, planted bytes, watched memory): nobody who holds one of those calls a Bus.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "vmm/devices/device.hpp"

namespace vmm {

class Bus {
 public:
  explicit Bus(std::mutex& lock) : lock_(lock) {}

  /// [base, base + size) belongs to `device` from now on; overlap is our mistake (VMM_CHECK). Build time only.
  void add(std::uint64_t base, std::uint64_t size, Device& device);

  /// A guest's access. What no device covers reads as all-ones and swallows writes; an access that crosses the end of a
  /// device is split into bytes. Thread: any vCPU thread.
  std::uint64_t read(std::uint64_t address, unsigned size);
  void write(std::uint64_t address, unsigned size, std::uint64_t value);

  /// A device is there. Build time only.
  bool has(std::uint64_t address) { return find(address) != nullptr; }

  struct Row {
    std::uint64_t base;
    std::uint64_t size;
    const Device* device;
  };
  /// For `monitor info devices`, in address order.
  std::vector<Row> rows() const;

 private:
  struct Range {
    std::uint64_t size;
    Device* device;
  };
  std::pair<const std::uint64_t, Range>* find(std::uint64_t address);
  /// Calls access(device, offset, width, index of its first byte) for each piece; false when no device is there at all.
  template <typename Access>
  bool dispatch(std::uint64_t address, unsigned size, Access access);
  void log_unknown(std::uint64_t address, unsigned size, const char* what);

  std::mutex& lock_;
  std::map<std::uint64_t, Range> ranges_;
  std::set<std::uint64_t> logged_;  // unknown addresses already told of
};

}  // namespace vmm
