/// The host's end of a serial line: the terminal, a file, a Unix socket or a pseudo-terminal.
///
/// Output is queued by any thread and written by the I/O thread. While nobody is connected to a socket or pty, the last
/// 64 KiB are kept and given to who connects; so the boot messages are there for who comes late, and the guest never
/// waits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "vmm/devices/device.hpp"

namespace boost::asio {
class io_context;
}

namespace vmm {

struct ConsoleSpec {
  enum class Kind : std::uint8_t { kStdio, kNone, kFile, kUnix, kPty };
  Kind kind = Kind::kStdio;
  std::string path = {};  ///< of kFile and kUnix

  bool operator==(const ConsoleSpec&) const = default;
};
/// `stdio`, `none`, `file:PATH`, `unix:PATH` or `pty`. Throws HostError that says so.
ConsoleSpec parse_console(std::string_view text);

class Console final : public HostPort {
 public:
  /// The most that one on_input() brings.
  static constexpr std::size_t kMaxInput = 1024;
  /// More than this waiting makes ready() false; it is true again below a quarter of it.
  static constexpr std::size_t kBusy = 64 * 1024;
  /// A guest that writes on regardless has what is beyond this dropped (and logged once), as by a UART's overrun.
  static constexpr std::size_t kMaxQueued = 16 * 1024 * 1024;

  struct Options {
    bool output_only = false;  ///< stdio only: another program has the keyboard
    int input_fd = 0;          ///< what stdio means; stays the caller's
    int output_fd = 1;
  };
  /// All are called on the I/O thread, and may be empty.
  struct Callbacks {
    std::function<bool()> accepting;                           ///< false: on_input is not called before resume_input()
    std::function<void(std::span<const std::byte>)> on_input;  ///< typed bytes, at most kMaxInput
    std::function<void()> on_ready;                            ///< ready() has become true again
    std::function<void()> on_quit;                             ///< Ctrl-A x
  };

  /// Opens, and listens; output works from now on. Throws HostError. Ignores SIGPIPE for the whole program.
  Console(boost::asio::io_context& io, const ConsoleSpec& spec, Options options);
  Console(boost::asio::io_context& io, const ConsoleSpec& spec) : Console(io, spec, Options{}) {}
  /// Drains, gives the terminal back. On the I/O thread, or after its end; nobody else uses this any more.
  ~Console() override;
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  /// Begins to read: input waits (and a terminal keeps its mode) until somebody is there to take it. Once.
  void start(Callbacks callbacks);
  /// accepting() has become true again. Thread: any, also under the Bus lock.
  void resume_input();

  void write(std::span<const std::byte> bytes) override;
  bool ready() const override;
  /// Writes all that waits, synchronously; gives up when a connected reader takes nothing for 3 seconds.
  void drain();

  /// `stdio`, `none`, `file:PATH`, `unix:PATH` or `pty:/dev/pts/N`.
  const std::string& where() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace vmm
