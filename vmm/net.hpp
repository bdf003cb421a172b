/// The host's end of the guest's network card: user-mode networking (libslirp), which needs no privileges, or a tap
/// interface.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vmm/devices/virtio/net.hpp"

namespace boost::asio {
class io_context;
}

namespace vmm {

/// A port of the host that leads to one of the guest.
struct PortForward {
  bool udp = false;
  in_addr host{};
  std::uint16_t host_port = 0;
  in_addr guest{};  ///< zero: the address that DHCP gives first
  std::uint16_t guest_port = 0;
};

struct NetSpec {
  enum class Kind : std::uint8_t { kNone, kUser, kTap };
  Kind kind = Kind::kNone;
  MacAddress mac = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};  ///< QEMU's first
  std::string interface = {};                             ///< of kTap; empty: the kernel chooses a name
  std::vector<PortForward> forwards = {};                 ///< of kUser
};
/// `none`, `user[,hostfwd=tcp|udp:[HOST]:PORT-[GUEST]:PORT]…` or `tap[,ifname=NAME]`, both with `[,mac=ADDRESS]`.
/// Throws HostError that says so.
NetSpec parse_net(std::string_view text);

/// Thread: I/O, but for send() and resume().
class Network : public NetPort {
 public:
  /// Gives a frame to the guest; false: not now, resume() will come.
  using Deliver = std::function<bool(std::span<const std::byte>)>;
  /// Begins to receive. Once.
  virtual void start(Deliver deliver) = 0;
  /// Deliver may say yes again. Thread: any, also under the Bus lock.
  virtual void resume() = 0;
  /// `user` or `tap:NAME`.
  virtual std::string where() const = 0;
};

/// Throws HostError when the host does not allow it. `io` runs no more when the result is destroyed. Null for kNone.
std::unique_ptr<Network> open_network(boost::asio::io_context& io, const NetSpec& spec);
std::unique_ptr<Network> open_user_network(boost::asio::io_context& io, const NetSpec& spec);
std::unique_ptr<Network> open_tap(boost::asio::io_context& io, const NetSpec& spec);

}  // namespace vmm
