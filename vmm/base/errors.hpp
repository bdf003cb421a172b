/// The error policy in one header (design: "Errors"). Who is at fault decides what happens.
#pragma once

#include <cstdint>
#include <source_location>
#include <stdexcept>
#include <string>
#include <string_view>

namespace vmm {

/// The host or the configuration can't do what was asked: what was tried, and what to do about it. `main` prints it as
/// one line and exits 2; on a vCPU thread it becomes a stop.
class HostError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  /// "what: strerror(errno)".
  static HostError from_errno(const std::string& what);
};

/// Bytes of an image are wrong: which format, which field, at which file offset.
class LoadError : public std::runtime_error {
 public:
  LoadError(std::string_view format, std::string_view field, std::uint64_t offset, const std::string& problem);

  std::string format;
  std::string field;
  std::uint64_t offset;
};

[[noreturn]] void check_failed(const char* expression, std::source_location where);

}  // namespace vmm

/// Our own mistakes only: aborts with a message, also in release. Never reachable from peer, guest or image bytes.
#define VMM_CHECK(expression) \
  ((expression) ? void() : ::vmm::check_failed(#expression, std::source_location::current()))
