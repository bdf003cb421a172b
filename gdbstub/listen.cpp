#include "gdbstub/listen.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace gdb {
namespace {

constexpr int kBacklog = 4;

[[noreturn]] void give_up(const std::string& what, int error, std::string_view advice = "") {
  throw std::runtime_error(
      fmt::format("gdb server: {}: {}{}{}", what, std::strerror(error), advice.empty() ? "" : "; ", advice));
}

Fd checked(int fd, const std::string& what) {
  if (fd < 0) give_up(what, errno);
  return Fd(fd);
}

union Address {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

socklen_t fill(Address& address, const Endpoint& endpoint) {
  std::memset(&address, 0, sizeof address);
  if (endpoint.address.contains(':')) {
    address.v6.sin6_family = AF_INET6;
    address.v6.sin6_port = htons(endpoint.port);
    inet_pton(AF_INET6, endpoint.address.c_str(), &address.v6.sin6_addr);
    return sizeof address.v6;
  }
  address.v4.sin_family = AF_INET;
  address.v4.sin_port = htons(endpoint.port);
  inet_pton(AF_INET, endpoint.address.c_str(), &address.v4.sin_addr);
  return sizeof address.v4;
}

std::string_view bind_advice(int error) {
  switch (error) {
    case EADDRINUSE: return "another program listens there: choose another port, or 0 for any free one";
    case EADDRNOTAVAIL: return "this machine has no such address";
    case EACCES: return "choose a port of 1024 or above";
    default: return "";
  }
}

sockaddr_un unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::ranges::copy(path.substr(0, sizeof address.sun_path - 1), std::begin(address.sun_path));
  return address;
}

int connect_to(int fd, const sockaddr_un& address) {
  return ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

// Linux gives the file the mode of the socket, so that nobody else can connect at any moment.
int bind_private(int fd, const sockaddr_un& address) {
  if (::fchmod(fd, 0600) != 0) return -1;
  return ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

bool is_stale(const sockaddr_un& address) {
  struct stat status{};
  if (::lstat(address.sun_path, &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
  const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return connect_to(probe.get(), address) != 0 && errno == ECONNREFUSED;
}

void make_raw(int fd, const std::string& name) {
  termios settings{};
  if (::tcgetattr(fd, &settings) != 0) give_up(name, errno, "it must be a terminal device");
  ::cfmakeraw(&settings);
  settings.c_cflag |= CLOCAL | CREAD;
  if (::tcsetattr(fd, TCSANOW, &settings) != 0) give_up(fmt::format("can't set {} to raw mode", name), errno);
}

}  // namespace

Listening listen_tcp(const Endpoint& endpoint) {
  const std::string what = "can't listen on " + endpoint.text();
  Address address;
  socklen_t size = fill(address, endpoint);
  Fd fd = checked(::socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), what);
  const int one = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (::bind(fd.get(), &address.any, size) != 0 || ::listen(fd.get(), kBacklog) != 0) {
    const int error = errno;
    give_up(what, error, bind_advice(error));
  }
  ::getsockname(fd.get(), &address.any, &size);
  Endpoint chosen = endpoint;
  chosen.port = ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
  return {std::move(fd), std::move(chosen)};
}

UnixListener::UnixListener(const std::string& path) : path_(path) {
  const std::string what = "can't listen on unix:" + path;
  const sockaddr_un address = unix_address(path);
  fd = checked(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), what);
  int bound = bind_private(fd.get(), address);
  if (bound != 0 && errno == EADDRINUSE) {
    if (!is_stale(address))
      give_up(what, EADDRINUSE, "somebody listens there, or it is no socket: choose another path");
    ::unlink(address.sun_path);
    bound = bind_private(fd.get(), address);
  }
  if (bound != 0 || ::listen(fd.get(), kBacklog) != 0) give_up(what, errno);
  struct stat status{};
  if (::lstat(address.sun_path, &status) == 0) {
    device_ = status.st_dev;
    inode_ = status.st_ino;
  }
}

// Only what is still ours: another program may have replaced it.
UnixListener::~UnixListener() {
  struct stat status{};
  if (::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_)
    ::unlink(path_.c_str());
}

Pty open_pty() {
  const std::string what = "can't open a pseudo-terminal";
  Fd master = checked(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), what);
  std::array<char, 64> name{};
  if (::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0 ||
      ::ptsname_r(master.get(), name.data(), name.size()) != 0)
    give_up(what, errno);
  return {std::move(master), name.data()};
}

Fd open_pty_slave(const std::string& name) {
  Fd slave = checked(::open(name.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC), "can't open " + name);
  make_raw(slave.get(), name);
  return slave;
}

Fd open_tty(const std::string& device) {
  // O_NONBLOCK: without it, open() waits for the carrier of a modem.
  Fd fd = checked(::open(device.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK), "can't open " + device);
  make_raw(fd.get(), device);
  return fd;
}

}  // namespace gdb
