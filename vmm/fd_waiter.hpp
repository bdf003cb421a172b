/// Waits until a file descriptor is readable or writable, without making it non-blocking.
///
/// Asio sets O_NONBLOCK on every descriptor it is given, and that flag belongs to the open file description: for stdin
/// and stdout it is shared with the shell and its other children, which would then fail with EAGAIN. So an epoll
/// instance of our own watches the descriptor, and Asio waits for that one.
#pragma once

#include <sys/epoll.h>

#include <cerrno>
#include <utility>

#include "vmm/asio.hpp"
#include "vmm/base/errors.hpp"

namespace vmm {

class FdWaiter {
 public:
  /// `events`: EPOLLIN or EPOLLOUT. `fd` stays open longer than this. Throws HostError.
  FdWaiter(boost::asio::io_context& io, int fd, std::uint32_t events) : io_(io), epoll_(io) {
    const int watcher = ::epoll_create1(EPOLL_CLOEXEC);
    if (watcher < 0) throw HostError::from_errno("epoll_create1");
    epoll_.assign(watcher);
    epoll_event event{.events = events, .data = {}};
    if (::epoll_ctl(watcher, EPOLL_CTL_ADD, fd, &event) == 0) return;
    if (errno != EPERM) throw HostError::from_errno("epoll_ctl");
    always_ready_ = true;  // a regular file, /dev/null
  }

  /// Calls handler() once the descriptor is ready or has failed; never from within. It may still come after this has
  /// been destroyed: the handler looks after its own life.
  template <typename Handler>
  void wait(Handler handler) {
    if (always_ready_) return boost::asio::post(io_, std::move(handler));
    epoll_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                      [handler = std::move(handler)](const boost::system::error_code& error) mutable {
                        if (!error) handler();
                      });
  }

 private:
  boost::asio::io_context& io_;
  boost::asio::posix::stream_descriptor epoll_;
  bool always_ready_ = false;
};

}  // namespace vmm
