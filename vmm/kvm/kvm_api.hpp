/// The one include of <linux/kvm.h>.
///
/// Debian 12's header declares flexible arrays behind an empty struct, which has size 1 in C++, so that struct sizes
/// and ioctl numbers come out wrong (EINVAL). The macro is replaced by a zero-length array before it is used.
#pragma once
#pragma GCC system_header

#include <linux/stddef.h>
#undef __DECLARE_FLEX_ARRAY
#define __DECLARE_FLEX_ARRAY(T, name) T name[0]
#include <linux/kvm.h>

namespace vmm::kvm {

/// The argument of KVM_GET_MSRS and KVM_SET_MSRS for one MSR.
struct OneMsr {
  ::kvm_msrs header;
  ::kvm_msr_entry entry;
};

}  // namespace vmm::kvm
