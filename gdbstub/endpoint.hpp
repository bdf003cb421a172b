/// Where the debugger server listens, as the user names it. A value; opens nothing.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace gdb {

struct Endpoint {
  enum class Kind : std::uint8_t { kNone, kTcp, kUnix, kStdio, kPty, kTty };

  Kind kind = Kind::kNone;
  std::string address;     ///< of kTcp: a numeric IPv4 or IPv6 address; of kUnix and kTty: the path
  std::uint16_t port = 0;  ///< of kTcp; 0: any free one

  /// `tcp:HOST:PORT` (HOST: an address, `[IPv6]` or localhost; without it, loopback), `unix:PATH`, `stdio`, `pty`,
  /// `tty:DEVICE`, `none`. The error is a sentence for the user.
  static std::expected<Endpoint, std::string> parse(std::string_view text);

  /// True unless other machines can reach it.
  bool is_loopback() const;

  /// As the user would write it.
  std::string text() const;
};

}  // namespace gdb
