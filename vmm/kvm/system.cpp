#include "vmm/kvm/system.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "vmm/kvm/ioctl.hpp"
#include "vmm/kvm/kvm_api.hpp"

namespace vmm::kvm {

namespace {

UniqueFd open_kvm() {
  UniqueFd fd(::open("/dev/kvm", O_RDWR | O_CLOEXEC));
  if (fd) return fd;
  switch (errno) {
    case ENOENT:
      throw HostError("/dev/kvm does not exist: enable virtualisation in the firmware and load kvm-intel or kvm-amd");
    case EACCES:
      throw HostError("/dev/kvm: permission denied: join the group that owns it (usually `kvm`) or run as root");
    default: throw HostError::from_errno("open /dev/kvm");
  }
}

std::vector<std::byte> read_supported_cpuid(int kvm) {
  for (std::uint32_t entries = 128;; entries *= 2) {
    std::vector<std::byte> buffer(sizeof(::kvm_cpuid2) + entries * sizeof(::kvm_cpuid_entry2));
    auto* cpuid = reinterpret_cast<::kvm_cpuid2*>(buffer.data());
    cpuid->nent = entries;
    if (::ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid) == 0) return buffer;
    if (errno != E2BIG || entries > 4096) throw HostError::from_errno("KVM_GET_SUPPORTED_CPUID");
  }
}

}  // namespace

System::System() : fd_(open_kvm()) {
  const int version = checked_ioctl(fd(), KVM_GET_API_VERSION, "KVM_GET_API_VERSION", 0);
  if (version != KVM_API_VERSION) {
    throw HostError(fmt::format("/dev/kvm speaks API version {}, gdbvm needs {}", version, KVM_API_VERSION));
  }
  cpuid_ = read_supported_cpuid(fd());
  run_size_ = static_cast<std::size_t>(checked_ioctl(fd(), KVM_GET_VCPU_MMAP_SIZE, "KVM_GET_VCPU_MMAP_SIZE", 0));
}

int System::extension(int capability) const {
  const int value = ::ioctl(fd(), KVM_CHECK_EXTENSION, capability);
  return value < 0 ? 0 : value;
}

unsigned System::max_vcpus() const {
  const int most = extension(KVM_CAP_MAX_VCPUS);
  return most > 0 ? static_cast<unsigned>(most) : 1;
}

const ::kvm_cpuid2& System::supported_cpuid() const { return *reinterpret_cast<const ::kvm_cpuid2*>(cpuid_.data()); }

}  // namespace vmm::kvm
