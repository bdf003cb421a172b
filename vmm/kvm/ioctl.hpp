/// ioctl with the error said in words.
#pragma once

#include <sys/ioctl.h>

#include <string>

#include "vmm/base/errors.hpp"

namespace vmm::kvm {

/// Throws HostError "WHAT: strerror" when the ioctl fails.
template <typename... Args>
int checked_ioctl(int fd, unsigned long request, const char* what, Args... args) {
  const int result = ::ioctl(fd, request, args...);
  if (result < 0) throw HostError::from_errno(what);
  return result;
}

}  // namespace vmm::kvm
