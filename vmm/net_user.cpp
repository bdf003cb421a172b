#include <arpa/inet.h>
#include <fmt/format.h>
#include <poll.h>
#include <slirp/libslirp.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>

#include <array>
#include <chrono>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "vmm/asio.hpp"
#include "vmm/base/errors.hpp"
#include "vmm/net.hpp"

namespace vmm {
namespace {

using Frame = std::vector<std::byte>;
constexpr std::size_t kMaxQueued = 512;  // frames; more are dropped, and TCP sends them again

struct EventRow {
  int slirp;
  short poll;
};
constexpr std::array kEvents = {
    EventRow{SLIRP_POLL_IN, POLLIN},   EventRow{SLIRP_POLL_OUT, POLLOUT}, EventRow{SLIRP_POLL_PRI, POLLPRI},
    EventRow{SLIRP_POLL_ERR, POLLERR}, EventRow{SLIRP_POLL_HUP, POLLHUP},
};

/// libslirp on the I/O thread: all of its sockets are in one epoll instance, filled anew each time, which Asio waits
/// for. Nothing here needs a descriptor while the guest runs: it may open connections until there are no more.
/// The addresses are QEMU's: network 10.0.2.0/24, host 10.0.2.2, DNS 10.0.2.3, first DHCP lease 10.0.2.15. IPv4 only:
/// so libslirp asks for no timers.
class User final : public Network {
 public:
  User(boost::asio::io_context& io, const NetSpec& spec)
      : io_(io), timer_(io), watcher_(io, checked_epoll()), slirp_(make(), slirp_cleanup) {
    for (const PortForward& row : spec.forwards) {
      if (slirp_add_hostfwd(slirp_.get(), row.udp, row.host, row.host_port, row.guest, row.guest_port) == 0) continue;
      throw HostError::from_errno(fmt::format("forwarding {} port {}", row.udp ? "udp" : "tcp", row.host_port));
    }
  }

  void send(std::span<const std::byte> frame) override {
    const std::lock_guard lock(mutex_);
    if (to_slirp_.size() >= kMaxQueued) return;
    to_slirp_.emplace_back(frame.begin(), frame.end());
    if (!std::exchange(turn_due_, true)) boost::asio::post(io_, [this] { turn(); });
  }

  void start(Deliver deliver) override {
    deliver_ = std::move(deliver);
    turn();
  }

  void resume() override {
    boost::asio::post(io_, [this] { deliver_frames(); });
  }

  std::string where() const override { return "user"; }

 private:
  static User& self(void* opaque) { return *static_cast<User*>(opaque); }

  Slirp* make() {
    static constexpr SlirpCb kCallbacks{
        .send_packet = [](const void* data, std::size_t size, void* opaque) -> ssize_t {
          self(opaque).queue_for_guest({static_cast<const std::byte*>(data), size});
          return static_cast<ssize_t>(size);
        },
        .guest_error = [](const char* message, void*) { spdlog::debug("user network: {}", message); },
        .clock_get_ns =
            [](void*) {
              return std::int64_t{
                  std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count()};
            },
        .timer_new = nullptr,
        .timer_free = nullptr,
        .timer_mod = nullptr,
        .register_poll_fd = [](int, void*) {},
        .unregister_poll_fd = [](int, void*) {},
        .notify = [](void*) {},
        .init_completed = nullptr,
        .timer_new_opaque = nullptr,
    };
    const auto address = [](const char* text) {
      in_addr value{};
      ::inet_pton(AF_INET, text, &value);
      return value;
    };
    SlirpConfig config{};
    config.version = 1;
    config.in_enabled = true;
    config.vnetwork = address("10.0.2.0");
    config.vnetmask = address("255.255.255.0");
    config.vhost = address("10.0.2.2");
    config.vnameserver = address("10.0.2.3");
    config.vdhcp_start = address("10.0.2.15");
    Slirp* made = slirp_new(&config, &kCallbacks, this);
    if (!made) throw HostError("libslirp refuses to start the user-mode network");
    return made;
  }

  void queue_for_guest(std::span<const std::byte> frame) {
    if (to_guest_.size() < kMaxQueued) to_guest_.emplace_back(frame.begin(), frame.end());
  }

  void deliver_frames() {
    while (!to_guest_.empty() && deliver_(to_guest_.front())) to_guest_.pop_front();
  }

  /// What the guest sent goes in; what came meanwhile goes to the guest; then it waits for the next.
  void turn() {
    std::deque<Frame> frames;
    {
      const std::lock_guard lock(mutex_);
      turn_due_ = false;
      frames.swap(to_slirp_);
    }
    for (const Frame& frame : frames) {
      slirp_input(slirp_.get(), reinterpret_cast<const std::uint8_t*>(frame.data()), static_cast<int>(frame.size()));
    }
    deliver_frames();
    wait();
  }

  void wait() {
    // Those that libslirp has closed meanwhile are out already.
    for (const pollfd& socket : sockets_) {
      ::epoll_ctl(watcher_.native_handle(), EPOLL_CTL_DEL, socket.fd, nullptr);
    }
    sockets_.clear();
    std::uint32_t milliseconds = UINT32_MAX;
    slirp_pollfds_fill(
        slirp_.get(), &milliseconds,
        [](int fd, int events, void* opaque) { return self(opaque).add_socket(fd, events); }, this);
    for (const pollfd& socket : sockets_) {
      epoll_event event{.events = static_cast<std::uint32_t>(socket.events), .data = {}};
      ::epoll_ctl(watcher_.native_handle(), EPOLL_CTL_ADD, socket.fd, &event);
    }
    const auto when_ready = [this](const boost::system::error_code& error) {
      if (!error) poll_sockets();
    };
    watcher_.cancel();
    watcher_.async_wait(boost::asio::posix::descriptor_base::wait_read, when_ready);
    if (milliseconds == UINT32_MAX) {
      timer_.cancel();
    } else {
      timer_.expires_after(std::chrono::milliseconds(milliseconds));
      timer_.async_wait(when_ready);
    }
  }

  static int checked_epoll() {
    const int fd = ::epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0) throw HostError::from_errno("epoll_create1");
    return fd;
  }

  int add_socket(int fd, int events) {
    short wanted = 0;
    for (const EventRow& row : kEvents) {
      if (events & row.slirp) wanted = static_cast<short>(wanted | row.poll);
    }
    sockets_.push_back({.fd = fd, .events = wanted, .revents = 0});
    return static_cast<int>(sockets_.size() - 1);
  }

  void poll_sockets() {
    const bool failed = ::poll(sockets_.data(), sockets_.size(), 0) < 0;
    slirp_pollfds_poll(
        slirp_.get(), failed, [](int index, void* opaque) { return self(opaque).events_of(index); }, this);
    turn();
  }

  int events_of(int index) const {
    int events = 0;
    for (const EventRow& row : kEvents) {
      if (sockets_.at(static_cast<std::size_t>(index)).revents & row.poll) events |= row.slirp;
    }
    return events;
  }

  boost::asio::io_context& io_;
  boost::asio::steady_timer timer_;
  boost::asio::posix::stream_descriptor watcher_;
  std::vector<pollfd> sockets_;  // as slirp_pollfds_fill() numbered them
  std::deque<Frame> to_guest_;
  Deliver deliver_;

  std::mutex mutex_;  // a leaf; guards what follows
  std::deque<Frame> to_slirp_;
  bool turn_due_ = false;  // posted

  std::unique_ptr<Slirp, decltype(&slirp_cleanup)> slirp_;
};

}  // namespace

std::unique_ptr<Network> open_user_network(boost::asio::io_context& io, const NetSpec& spec) {
  return std::make_unique<User>(io, spec);
}

}  // namespace vmm
