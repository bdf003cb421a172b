/// Opening what an Endpoint names: plain POSIX, no Asio. Everything throws std::runtime_error that says what was tried
/// and what to do.
#pragma once

#include <sys/types.h>
#include <termios.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <utility>

#include "gdbstub/endpoint.hpp"

namespace gdb {

/// A file descriptor that closes itself.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

/// A listening socket; `endpoint` has the port that was chosen.
struct Listening {
  Fd fd;
  Endpoint endpoint;
};
Listening listen_tcp(const Endpoint& endpoint);

/// A listening Unix socket of mode 0600 from the moment it exists; its file is removed at the end. A file that nobody
/// listens on is replaced, a live one is an error.
class UnixListener {
 public:
  explicit UnixListener(const std::string& path);
  UnixListener(const UnixListener&) = delete;
  UnixListener& operator=(const UnixListener&) = delete;
  ~UnixListener();
  Fd fd;

 private:
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

/// A pseudo-terminal in raw mode: the master, and the name of the other side.
struct Pty {
  Fd master;
  std::string name;
};
Pty open_pty();
/// The other side, in raw mode again. While somebody has it open, the master does not see a hang-up.
Fd open_pty_slave(const std::string& name);

/// A terminal device in raw mode.
Fd open_tty(const std::string& device);

}  // namespace gdb
