#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "vmm/asio.hpp"
#include "vmm/base/errors.hpp"
#include "vmm/base/unique_fd.hpp"
#include "vmm/net.hpp"

namespace vmm {
namespace {

/// A frame is one read or one write of the descriptor (Linux, networking/tuntap.rst). Frames that the guest can't take
/// wait in the kernel's queue.
class Tap final : public Network {
 public:
  Tap(boost::asio::io_context& io, UniqueFd fd, std::string name)
      : io_(io), descriptor_(io, fd.release()), name_(std::move(name)) {}

  void send(std::span<const std::byte> frame) override {
    // Full, or down: as a network, it loses the frame.
    [[maybe_unused]] const auto done = ::write(descriptor_.native_handle(), frame.data(), frame.size());
  }

  void start(Deliver deliver) override {
    deliver_ = std::move(deliver);
    read_more();
  }

  void resume() override {
    boost::asio::post(io_, [this] {
      if (waits_for_guest_) read_more();
    });
  }

  std::string where() const override { return "tap:" + name_; }

 private:
  /// Some frames, then it is the turn of the other things on the I/O thread.
  void read_more() {
    waits_for_guest_ = false;
    constexpr int kTurn = 64;
    for (int i = 0; i < kTurn; ++i) {
      if (pending_.empty()) {
        std::array<std::byte, 2048> frame;
        const auto count = ::read(descriptor_.native_handle(), frame.data(), frame.size());
        if (count < 0 && errno != EAGAIN && errno != EINTR) return lost(errno);
        if (count <= 0) break;
        pending_.assign(frame.begin(), frame.begin() + count);
      }
      if (!deliver_(pending_)) {
        waits_for_guest_ = true;
        return;
      }
      pending_.clear();
    }
    descriptor_.async_wait(boost::asio::posix::descriptor_base::wait_read, [this](const auto& error) {
      if (!error) read_more();
    });
  }

  /// Somebody has deleted the interface: the descriptor would be readable for ever, with nothing to read.
  void lost(int error) const { spdlog::warn("network: {} is gone: {}", where(), std::strerror(error)); }

  boost::asio::io_context& io_;
  boost::asio::posix::stream_descriptor descriptor_;
  std::string name_;
  Deliver deliver_;
  std::vector<std::byte> pending_;  // a frame that the guest has no room for
  bool waits_for_guest_ = false;
};

}  // namespace

std::unique_ptr<Network> open_tap(boost::asio::io_context& io, const NetSpec& spec) {
  const std::string what = "opening a tap interface";
  const std::string advice = "; have root make one for you: ip tuntap add NAME mode tap user $USER, or use --net user";
  UniqueFd fd(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!fd) throw HostError(HostError::from_errno(what + ": /dev/net/tun").what() + advice);
  ifreq request{};
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  spec.interface.copy(request.ifr_name, IFNAMSIZ - 1);
  if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) {
    throw HostError(HostError::from_errno(fmt::format("{} {}", what, spec.interface)).what() + advice);
  }
  return std::make_unique<Tap>(io, std::move(fd), request.ifr_name);
}

}  // namespace vmm
