#include "gdbstub/endpoint.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/un.h>

#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace gdb {
namespace {

using Parsed = std::expected<Endpoint, std::string>;
using Kind = Endpoint::Kind;

bool is_address(const std::string& text, int family) {
  std::array<std::byte, sizeof(in6_addr)> ignored{};
  return inet_pton(family, text.c_str(), ignored.data()) == 1;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

std::string_view without_brackets(std::string_view host) {
  return host.size() > 2 && host.starts_with('[') && host.ends_with(']') ? host.substr(1, host.size() - 2) : host;
}

Parsed parse_tcp(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  const std::string_view port_text = colon == std::string_view::npos ? text : text.substr(colon + 1);
  const std::string_view host_text = colon == std::string_view::npos ? "" : text.substr(0, colon);
  const auto port = parse_port(port_text);
  if (!port) return std::unexpected(fmt::format("'{}' is no port: use tcp:HOST:PORT with PORT 0 to 65535", port_text));
  const bool local = host_text.empty() || host_text == "localhost";
  const std::string host(local ? "127.0.0.1" : without_brackets(host_text));
  const bool bracketed = host_text.starts_with('[');
  if (!is_address(host, bracketed ? AF_INET6 : AF_INET))
    return std::unexpected(fmt::format(
        "'{}' is no address to listen on: use 127.0.0.1, [::1], localhost or another address of this machine",
        host_text));
  return Endpoint{Kind::kTcp, host, *port};
}

Parsed parse_unix(std::string_view path) {
  if (path.empty()) return std::unexpected("unix: needs a path, as in unix:/tmp/gdb.sock");
  if (path.size() >= sizeof(sockaddr_un::sun_path) || path.contains('\0'))
    return std::unexpected(fmt::format("the socket path is too long: {} bytes, at most {}", path.size(),
                                       sizeof(sockaddr_un::sun_path) - 1));
  return Endpoint{Kind::kUnix, std::string(path), 0};
}

Parsed parse_tty(std::string_view path) {
  if (path.empty()) return std::unexpected("tty: needs a device, as in tty:/dev/ttyS0");
  return Endpoint{Kind::kTty, std::string(path), 0};
}

Parsed parse_word(Kind kind, std::string_view rest) {
  if (!rest.empty()) return std::unexpected("stdio, pty and none take nothing behind them");
  return Endpoint{kind, {}, 0};
}

struct Scheme {
  std::string_view name;
  Parsed (*parse)(std::string_view rest);
};
constexpr std::array kSchemes = std::to_array<Scheme>({
    {"tcp:", parse_tcp},
    {"unix:", parse_unix},
    {"tty:", parse_tty},
    {"stdio", [](std::string_view rest) { return parse_word(Kind::kStdio, rest); }},
    {"pty", [](std::string_view rest) { return parse_word(Kind::kPty, rest); }},
    {"none", [](std::string_view rest) { return parse_word(Kind::kNone, rest); }},
});

}  // namespace

Parsed Endpoint::parse(std::string_view text) {
  for (const Scheme& scheme : kSchemes) {
    if (text.starts_with(scheme.name)) return scheme.parse(text.substr(scheme.name.size()));
  }
  return std::unexpected(
      fmt::format("'{}' is no endpoint: use tcp:HOST:PORT, unix:PATH, stdio, pty, tty:DEVICE or none", text));
}

bool Endpoint::is_loopback() const {
  return kind != Kind::kTcp || address.starts_with("127.") || address == "::1" || address.starts_with("::ffff:127.");
}

std::string Endpoint::text() const {
  switch (kind) {
    case Kind::kTcp:
      return address.contains(':') ? fmt::format("tcp:[{}]:{}", address, port)
                                   : fmt::format("tcp:{}:{}", address, port);
    case Kind::kUnix: return "unix:" + address;
    case Kind::kTty: return "tty:" + address;
    case Kind::kStdio: return "stdio";
    case Kind::kPty: return "pty";
    case Kind::kNone: return "none";
  }
  return "";
}

}  // namespace gdb
