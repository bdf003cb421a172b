/// /dev/kvm: what this host offers, and where VMs come from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "vmm/base/unique_fd.hpp"

struct kvm_cpuid2;

namespace vmm::kvm {

class System {
 public:
  /// Opens /dev/kvm and checks its API version. Throws HostError saying what to do (module, permissions).
  System();

  int fd() const { return fd_.get(); }
  /// KVM_CHECK_EXTENSION on the system; 0 when absent.
  int extension(int capability) const;
  std::size_t run_size() const { return run_size_; }
  unsigned max_vcpus() const;
  /// KVM_GET_SUPPORTED_CPUID, ready for KVM_SET_CPUID2. Asked once.
  const ::kvm_cpuid2& supported_cpuid() const;

 private:
  UniqueFd fd_;
  std::size_t run_size_ = 0;
  std::vector<std::byte> cpuid_;
};

}  // namespace vmm::kvm
