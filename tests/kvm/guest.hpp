/// A machine with a few bytes of 16-bit code at 0x1000, and the reports of its vCPUs.
#pragma once

#include <catch2/catch.hpp>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <vector>

#include "vmm/kvm/system.hpp"
#include "vmm/loader/boot_image.hpp"
#include "vmm/machine/machine.hpp"

namespace vmm::test {

inline constexpr std::uint64_t kCode = 0x1000;

/// Takes what the guest prints.
class Sink final : public HostPort {
 public:
  std::function<void()> on_write;  ///< on the vCPU's thread, under the Bus lock, as a device's work

  void write(std::span<const std::byte> bytes) override {
    if (on_write) on_write();
    const std::lock_guard lock(mutex_);
    for (std::byte byte : bytes) text_ += static_cast<char>(byte);
  }
  bool ready() const override { return true; }
  std::string text() const {
    const std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  mutable std::mutex mutex_;
  std::string text_;
};

/// Reports come from vCPU threads; the test takes them in order.
class Reports {
 public:
  StopSink sink() {
    return [this](StopReport report) {
      {
        const std::lock_guard lock(mutex_);
        reports_.push_back(std::move(report));
      }
      arrived_.notify_one();
    };
  }
  StopReport next() {
    std::unique_lock lock(mutex_);
    const bool came = arrived_.wait_for(lock, std::chrono::seconds(60), [this] { return !reports_.empty(); });
    REQUIRE(came);  // a guard against hangs: no report was lost
    StopReport report = std::move(reports_.front());
    reports_.pop_front();
    return report;
  }
  bool empty() {
    const std::lock_guard lock(mutex_);
    return reports_.empty();
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<StopReport> reports_;
};

/// How often to do what must hold however often: `count`, or a thirtieth where GDBVM_SLOW says that the host is
/// emulated.
inline int rounds(int count) { return std::getenv("GDBVM_SLOW") != nullptr ? count / 30 + 1 : count; }

inline const kvm::System& host() {
  static const kvm::System system;
  return system;
}

/// The bytes of a guest, kept for the machine's resets.
class Code {
 public:
  Code(std::initializer_list<unsigned> bytes) {
    for (unsigned byte : bytes) bytes_.push_back(static_cast<std::byte>(byte));
  }
  static Code from(const std::vector<unsigned>& bytes) {
    Code code{};
    for (unsigned byte : bytes) code.bytes_.push_back(static_cast<std::byte>(byte));
    return code;
  }
  MachineConfig config(unsigned cpus = 1) const {
    MachineConfig config;
    config.memory_size = 2 << 20;
    config.cpus = cpus;
    config.image = parse_image(bytes_, FormatRequest{.format = ImageFormat::kFlat, .flat_address = kCode});
    return config;
  }

 private:
  std::vector<std::byte> bytes_;
};

/// Goes to protected mode, loads an empty IDT, puts 0x1234 into eax and executes ud2 at kTripleFaultAt.
inline const Code& triple_fault_code() {
  static const Code code{0xfa, 0x2e, 0x0f, 0x01, 0x16, 0x40, 0x10, 0x0f, 0x20, 0xc0, 0x0c, 0x01, 0x0f, 0x22, 0xc0,
                         0xea, 0x20, 0x10, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                         0x00, 0x00, 0x66, 0xb8, 0x10, 0x00, 0x8e, 0xd8, 0x0f, 0x01, 0x1d, 0x60, 0x10, 0x00, 0x00,
                         0xb8, 0x34, 0x12, 0x00, 0x00, 0x0f, 0x0b, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                         0x00, 0x00, 0x00, 0x00, 0x17, 0x00, 0x48, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                         0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0x00, 0x00, 0x00, 0x9b, 0xcf, 0x00, 0xff, 0xff,
                         0x00, 0x00, 0x00, 0x93, 0xcf, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};
  return code;
}
inline constexpr std::uint64_t kTripleFaultAt = 0x1032;

struct Guest {
  explicit Guest(const Code& code, unsigned cpus = 1)
      : machine(host(), code.config(cpus), console, reports.sink(), [] {}) {}
  StopReport run(RunOrder order = {}) {
    machine.vcpu(0).run(std::move(order));
    return reports.next();
  }
  Sink console;
  Reports reports;
  Machine machine;
};

}  // namespace vmm::test
