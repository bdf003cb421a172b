/// Pipes, a pseudo-terminal and an I/O loop for tests of the console.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <string>
#include <string_view>

#include "vmm/asio.hpp"
#include "vmm/base/unique_fd.hpp"
#include "vmm/console.hpp"

namespace vmm {

struct Pipe {
  Pipe() {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    out = UniqueFd(ends[0]);
    in = UniqueFd(ends[1]);
  }
  UniqueFd out;  ///< to read from
  UniqueFd in;   ///< to write to
};

struct PtyPair {
  PtyPair() {
    int ends[2];
    REQUIRE(::openpty(&ends[0], &ends[1], nullptr, nullptr, nullptr) == 0);
    master = UniqueFd(ends[0]);
    slave = UniqueFd(ends[1]);
  }
  bool is_raw() const {
    termios mode{};
    REQUIRE(::tcgetattr(slave.get(), &mode) == 0);
    return !(mode.c_lflag & (ICANON | ECHO | ISIG)) && !(mode.c_iflag & (ICRNL | IXON)) && (mode.c_oflag & OPOST);
  }
  bool is_cooked() const {
    termios mode{};
    REQUIRE(::tcgetattr(slave.get(), &mode) == 0);
    return (mode.c_lflag & ICANON) && (mode.c_lflag & ECHO) && (mode.c_lflag & ISIG) && (mode.c_iflag & ICRNL);
  }
  UniqueFd master, slave;
};

inline bool readable(int fd) {
  pollfd state{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&state, 1, 0) > 0;
}

/// Appends what can be read without waiting; false at the end of the file.
inline bool read_available(int fd, std::string& text) {
  std::array<char, 4096> buffer;
  while (readable(fd)) {
    const auto count = ::read(fd, buffer.data(), buffer.size());
    if (count <= 0) return false;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return true;
}

inline void put(int fd, std::string_view text) {
  REQUIRE(::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

inline void print(Console& console, std::string_view text) { console.write(std::as_bytes(std::span(text))); }

/// Runs the I/O thread's work until `done`; CTest's time limit ends a wait in vain.
template <typename Done>
void run_until(boost::asio::io_context& io, Done done) {
  const auto guard = boost::asio::make_work_guard(io);
  io.restart();  // it may have run out of work before
  while (!done()) io.run_one_for(std::chrono::milliseconds(10));
}

/// What the console hands over.
struct Receiver {
  Console::Callbacks callbacks() {
    return {.accepting = [this] { return accepting; },
            .on_input =
                [this](std::span<const std::byte> bytes) {
                  CHECK(bytes.size() <= Console::kMaxInput);
                  for (const auto byte : bytes) typed += static_cast<char>(byte);
                },
            .on_ready = [this] { ++ready_calls; },
            .on_quit = [this] { ++quits; }};
  }
  std::string typed;
  bool accepting = true;
  int ready_calls = 0;
  int quits = 0;
};

/// Text in which every loss and every swap shows.
inline std::string long_text(std::size_t size) {
  std::string text;
  for (int i = 0; text.size() < size; ++i) text += std::to_string(i) + "\n";
  text.resize(size);
  return text;
}

}  // namespace vmm
