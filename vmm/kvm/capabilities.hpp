/// What KVM says of itself (KVM_CHECK_EXTENSION), as far as gdbvm's users care.
#pragma once

#include <string_view>
#include <vector>

#include "vmm/kvm/system.hpp"

namespace vmm::kvm {

struct Capability {
  std::string_view name;  ///< without KVM_CAP_
  int value;
  std::string_view meaning;
};
std::vector<Capability> capabilities(const System& system);

}  // namespace vmm::kvm
