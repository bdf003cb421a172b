#include "vmm/base/mapping.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include "vmm/base/errors.hpp"

namespace vmm {
namespace {

std::byte* map(std::size_t size, int protection, int flags, int fd, const char* what) {
  void* data = ::mmap(nullptr, size, protection, flags, fd, 0);
  if (data == MAP_FAILED) throw HostError::from_errno(fmt::format("cannot map {} bytes of {}", size, what));
  return static_cast<std::byte*>(data);
}

}  // namespace

Mapping Mapping::anonymous(std::size_t size) {
  return {map(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, "memory"), size};
}

Mapping Mapping::of_file(int fd, std::size_t size, bool writable) {
  return {map(size, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, "a file"), size};
}

Mapping::~Mapping() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace vmm
