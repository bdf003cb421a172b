#include "vmm/net.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <net/if.h>

#include <array>
#include <optional>

#include "vmm/base/errors.hpp"
#include "vmm/base/number.hpp"

namespace vmm {
namespace {

/// Takes the text before `separator` (or all) off `rest`.
std::string_view take_until(std::string_view& rest, char separator) {
  const auto at = rest.find(separator);
  const auto taken = rest.substr(0, at);
  rest = at == rest.npos ? std::string_view() : rest.substr(at + 1);
  return taken;
}

std::uint16_t parse_port(std::string_view text) {
  const auto number = number_of(text);
  if (!number || *number == 0 || *number > 0xffff)
    throw HostError(fmt::format("`{}` is no port: say 1 to 65535", text));
  return static_cast<std::uint16_t>(*number);
}

in_addr parse_address(std::string_view text, in_addr_t otherwise) {
  in_addr address{.s_addr = otherwise};
  if (!text.empty() && ::inet_pton(AF_INET, std::string(text).c_str(), &address) != 1) {
    throw HostError(fmt::format("`{}` is not an IPv4 address", text));
  }
  return address;
}

/// `tcp:HOST:PORT-GUEST:PORT`. Without HOST only this machine reaches it.
void add_forward(NetSpec& spec, std::string_view text) {
  const std::string whole(text);
  const auto protocol = take_until(text, ':');
  const auto host = take_until(text, ':');
  const auto host_port = take_until(text, '-');
  const auto guest = take_until(text, ':');
  if ((protocol != "tcp" && protocol != "udp") || text.empty()) {
    throw HostError(fmt::format("`hostfwd={}` is not understood: say tcp:[HOST]:PORT-[GUEST]:PORT, or udp:…", whole));
  }
  spec.forwards.push_back({.udp = protocol == "udp",
                           .host = parse_address(host, htonl(INADDR_LOOPBACK)),
                           .host_port = parse_port(host_port),
                           .guest = parse_address(guest, 0),
                           .guest_port = parse_port(text)});
}

void set_interface(NetSpec& spec, std::string_view text) {
  if (text.empty() || text.size() >= IFNAMSIZ) throw HostError(fmt::format("`{}` is no name of an interface", text));
  spec.interface = text;
}

void set_mac(NetSpec& spec, std::string_view text) {
  const std::string whole(text);
  const auto wrong = [&] {
    return HostError(fmt::format("`{}` is not an Ethernet address of one card, such as 52:54:00:12:34:56", whole));
  };
  for (std::uint8_t& byte : spec.mac) {
    const auto digits = take_until(text, ':');
    const auto value = digits.size() == 2 ? number_of(fmt::format("0x{}", digits)) : std::nullopt;
    if (!value) throw wrong();
    byte = static_cast<std::uint8_t>(*value);
  }
  if (!text.empty() || spec.mac[0] & 1) throw wrong();
}

struct SettingRow {
  std::string_view name;
  std::optional<NetSpec::Kind> only;
  void (*set)(NetSpec&, std::string_view);
};
constexpr std::array kSettings = {
    SettingRow{"hostfwd", NetSpec::Kind::kUser, add_forward},
    SettingRow{"ifname", NetSpec::Kind::kTap, set_interface},
    SettingRow{"mac", std::nullopt, set_mac},
};

void apply(NetSpec& spec, std::string_view setting) {
  const std::string whole(setting);
  const auto name = take_until(setting, '=');
  for (const SettingRow& row : kSettings) {
    if (row.name != name || (row.only && row.only != spec.kind)) continue;
    return row.set(spec, setting);
  }
  throw HostError(
      fmt::format("`{}` is no setting of this kind of network: user has hostfwd=, tap has ifname=, both mac=", whole));
}

}  // namespace

NetSpec parse_net(std::string_view text) {
  NetSpec spec;
  const std::string whole(text);
  const auto kind = take_until(text, ',');
  if (kind == "none" && text.empty()) return spec;
  if (kind != "user" && kind != "tap") {
    throw HostError(fmt::format("`{}` is no network: say user, tap[,ifname=NAME] or none", whole));
  }
  spec.kind = kind == "user" ? NetSpec::Kind::kUser : NetSpec::Kind::kTap;
  while (!text.empty()) apply(spec, take_until(text, ','));
  return spec;
}

std::unique_ptr<Network> open_network(boost::asio::io_context& io, const NetSpec& spec) {
  switch (spec.kind) {
    case NetSpec::Kind::kUser:
#ifdef GDBVM_WITH_SLIRP
      return open_user_network(io, spec);
#else
      throw HostError("this gdbvm was built without libslirp, which `--net user` needs: use `--net tap`");
#endif
    case NetSpec::Kind::kTap: return open_tap(io, spec);
    case NetSpec::Kind::kNone: break;
  }
  return nullptr;
}

}  // namespace vmm
