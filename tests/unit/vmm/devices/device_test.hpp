/// What every device test needs: a host that remembers, an interrupt line that counts, a check that state survives.
#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "vmm/devices/device.hpp"

namespace vmm {

struct FakeHost final : HostPort {
  void write(std::span<const std::byte> bytes) override {
    for (const auto byte : bytes) text += static_cast<char>(byte);
  }
  bool ready() const override { return is_ready; }
  std::string text;
  bool is_ready = true;
};

struct FakeIrq {
  IrqLine line() {
    return IrqLine([this](bool now) {
      if (now && !level) ++count;
      level = now;
    });
  }
  bool level = false;
  int count = 0;  ///< rising edges
};

struct FakeRequests {
  RequestSink sink() {
    return [this](MachineRequest request) { seen.push_back(request); };
  }
  std::vector<MachineRequest> seen;
};

inline std::vector<std::byte> saved(const Device& device) {
  StateWriter out;
  device.save(out);
  return out.bytes();
}

/// Loads `from`'s state into `to`, which must then save the same bytes.
inline void check_state_moves(const Device& from, Device& to) {
  const auto bytes = saved(from);
  StateReader in(bytes);
  to.load(in);
  CHECK(in.at_end());
  CHECK(saved(to) == bytes);
}

}  // namespace vmm
