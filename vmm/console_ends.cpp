#include "vmm/console_ends.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

#include "vmm/base/errors.hpp"

namespace vmm {
namespace {

UniqueFd checked(int fd, const std::string& what) {
  if (fd < 0) throw HostError::from_errno(what);
  return UniqueFd(fd);
}

UniqueFd unix_socket() {
  return checked(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "making a Unix socket");
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    throw HostError(fmt::format("console: unix:{}: a socket's path has at most {} bytes: choose a shorter one", path,
                                sizeof address.sun_path - 1));
  }
  std::ranges::copy(path, address.sun_path);
  return address;
}

bool bind_to(int fd, const sockaddr_un& address) {
  return ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

/// A socket file whose program has gone.
bool is_stale(const sockaddr_un& address) {
  struct stat status{};
  if (::lstat(address.sun_path, &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
  const auto probe = unix_socket();
  return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
         errno == ECONNREFUSED;
}

}  // namespace

UnixListener::UnixListener(const std::string& path) : path_(path), fd_(unix_socket()) {
  const auto address = address_of(path);
  ::fchmod(fd_.get(), 0600);  // Linux gives the file the mode of the socket, less the umask
  bool bound = bind_to(fd_.get(), address);
  if (!bound && errno == EADDRINUSE) {
    if (!is_stale(address)) {
      throw HostError(fmt::format("console: unix:{}: in use, or no socket: choose another path or remove it", path));
    }
    ::unlink(path.c_str());
    bound = bind_to(fd_.get(), address);
  }
  if (!bound || ::listen(fd_.get(), 1) != 0) {
    throw HostError::from_errno(fmt::format("console: listening on unix:{}", path));
  }
  struct stat status{};
  if (::lstat(path.c_str(), &status) == 0) {
    device_ = status.st_dev;
    inode_ = status.st_ino;
  }
}

/// Only the file that is still ours: another program may have replaced it.
UnixListener::~UnixListener() {
  struct stat status{};
  if (::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_) {
    ::unlink(path_.c_str());
  }
}

UniqueFd UnixListener::accept() const {
  return UniqueFd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

PseudoTerminal open_pseudo_terminal() {
  const std::string what = "console: opening a pseudo-terminal";
  auto master = checked(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), what);
  std::array<char, 64> name{};
  if (::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0 ||
      ::ptsname_r(master.get(), name.data(), name.size()) != 0 || ::fcntl(master.get(), F_SETFL, O_NONBLOCK) != 0) {
    throw HostError::from_errno(what);
  }
  // Opened and closed once: only then Linux reports the hang-up.
  const auto slave = checked(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC), what);
  make_raw(slave.get());
  return {std::move(master), name.data()};
}

void make_raw(int fd) {
  termios mode{};
  if (::tcgetattr(fd, &mode) != 0) return;
  ::cfmakeraw(&mode);
  ::tcsetattr(fd, TCSANOW, &mode);
}

UniqueFd open_output_file(const std::string& path) {
  // O_NONBLOCK: a FIFO without a reader is an error now, instead of a wait without end.
  const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  return checked(::open(path.c_str(), flags, 0666), fmt::format("console: opening file:{} for writing", path));
}

UniqueFd own_output(int fd) {
  if (::isatty(fd)) {
    const auto self = fmt::format("/proc/self/fd/{}", fd);
    UniqueFd own(::open(self.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (own) return own;
  }
  return UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
}

}  // namespace vmm
