#include "vmm/base/errors.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace vmm {

HostError HostError::from_errno(const std::string& what) {
  const int error = errno;
  return HostError(fmt::format("{}: {}", what, std::strerror(error)));
}

LoadError::LoadError(std::string_view format_name, std::string_view field_name, std::uint64_t at,
                     const std::string& problem)
    : std::runtime_error(fmt::format("{}: field {} at offset {:#x}: {}", format_name, field_name, at, problem)),
      format(format_name),
      field(field_name),
      offset(at) {}

void check_failed(const char* expression, std::source_location where) {
  std::fprintf(stderr, "gdbvm: internal error: %s:%u: %s: check failed: %s\n", where.file_name(),
               static_cast<unsigned>(where.line()), where.function_name(), expression);
  std::abort();
}

}  // namespace vmm
