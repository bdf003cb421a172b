/// Opening what a console's line leads to: plain POSIX. Everything throws HostError that says what was tried.
#pragma once

#include <sys/types.h>
#include <string>

#include "vmm/base/unique_fd.hpp"

namespace vmm {

/// A listening Unix socket, of mode 0600 from its first moment on; its file is removed at the end. A socket file that
/// nobody listens on is replaced.
class UnixListener {
 public:
  explicit UnixListener(const std::string& path);
  ~UnixListener();
  UnixListener(const UnixListener&) = delete;
  UnixListener& operator=(const UnixListener&) = delete;

  int fd() const { return fd_.get(); }
  /// The next client, non-blocking; empty if there is none.
  UniqueFd accept() const;

 private:
  std::string path_;
  UniqueFd fd_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

/// A pseudo-terminal: our side, non-blocking, and the name of the other. That it reports a hang-up means that nobody
/// has the other side open, also before the first time.
struct PseudoTerminal {
  UniqueFd master;
  std::string name;
};
PseudoTerminal open_pseudo_terminal();
/// No echo, no line editing, no conversion on the way to the other side. `fd` is either side.
void make_raw(int fd);

/// For writing, emptied.
UniqueFd open_output_file(const std::string& path);

/// A descriptor of our own for the output `fd`; empty if it is closed. For a terminal it is a new open file
/// description, so that it can be non-blocking without the shell's being so (a stopped terminal would otherwise block
/// us for ever). Others stay blocking: polled first, they take PIPE_BUF bytes at once.
UniqueFd own_output(int fd);

}  // namespace vmm
