/// Lets one debugger at a time at a Target, over TCP, a Unix socket, standard input and output, a pseudo-terminal or
/// a serial device. All of it runs on the io_context's one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "gdbstub/endpoint.hpp"
#include "gdbstub/target.hpp"

namespace boost::asio {
class io_context;
}

namespace gdb {

class Server {
 public:
  enum class Event : std::uint8_t {
    kAttached,
    kDetached,  ///< by D, or the debuggee was killed
    kLost,      ///< the connection went without D
    kRefused,   ///< a second debugger
  };

  struct Options {
    /// Called on the I/O thread when a debugger came or went; may be empty.
    std::function<void(Event)> on_event;
  };

  /// Listens at once. Throws std::runtime_error saying what failed and what to do.
  /// What the target throws leaves io_context::run().
  /// Ignores SIGPIPE for the whole program: a reader of ours that goes away is an error code.
  Server(boost::asio::io_context& io, const Endpoint& endpoint, Target& target, Options options = {});
  /// Closes everything. The target is not told; it must not call its listener any more.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// What to tell the user behind "gdb: listening on ": `tcp:127.0.0.1:41231`, `unix:/path`, `pty:/dev/pts/3`,
  /// `tty:/dev/ttyS0`, `stdio`, `none`.
  const std::string& where() const;
  /// A debugger is attached.
  bool attached() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace gdb
