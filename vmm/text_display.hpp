/// `--display text`: the guest's text screen in this terminal, some 20 times a second what has changed; what is typed
/// goes to the guest's keyboard. Ctrl-A x ends, as on the console. The terminal should have 80 columns and 25 rows.
///
/// Thread: I/O.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <span>

#include "vmm/asio.hpp"
#include "vmm/console.hpp"
#include "vmm/machine/machine.hpp"

namespace vmm {

class TextDisplay {
 public:
  /// `machine` gives the one of the moment: a reset makes a new one. Throws HostError.
  TextDisplay(boost::asio::io_context& io, std::function<Machine&()> machine, std::function<void()> on_quit);
  /// Leaves the terminal as a shell wants it. There need be no machine any more.
  ~TextDisplay();
  TextDisplay(const TextDisplay&) = delete;
  TextDisplay& operator=(const TextDisplay&) = delete;

  /// What has changed on the screen since the last look, at once.
  void show();

 private:
  void tick();
  void typed(std::span<const std::byte> bytes);
  void send_keys();

  std::function<Machine&()> machine_;
  Console terminal_;
  boost::asio::steady_timer timer_;
  std::optional<Screen> shown_;
  std::deque<Chord> keys_;  // that the guest's keyboard has no room for yet
};

}  // namespace vmm
