/// Port 0xf4: a write ends the VM with the exit status (value << 1) | 1, which is never 0. Source: QEMU's
/// isa-debug-exit (iobase=0xf4, iosize=4), as test kernels use it.
#pragma once

#include "vmm/devices/device.hpp"

namespace vmm {

class DebugExit final : public Device {
 public:
  static constexpr std::uint16_t kPort = 0xf4;
  static constexpr std::uint16_t kPorts = 4;

  explicit DebugExit(RequestSink request) : request_(std::move(request)) {}
  std::string_view name() const override { return "debug exit"; }
  std::uint64_t read(std::uint64_t, unsigned) override { return 0; }
  void write(std::uint64_t, unsigned, std::uint64_t value) override {
    request_({.kind = MachineRequest::Kind::kExit, .exit_code = static_cast<std::uint8_t>((value << 1) | 1)});
  }
  void save(StateWriter&) const override {}
  void load(StateReader&) override {}

 private:
  RequestSink request_;
};

}  // namespace vmm
