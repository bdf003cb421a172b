/// The user's terminal in raw mode: every key goes to the guest, as it is typed. It is always given back: by the
/// destructor, by std::exit, by a signal that ends or stops the process.
///
/// Output processing (OPOST) stays on, so that a guest's "\n" begins a new line at the left edge.
#pragma once

namespace vmm {

/// One at a time (signal handlers are process-wide). Thread: the one that made it; the signals may arrive on any.
class RawTerminal {
 public:
  /// Saves `fd`'s mode; throws HostError if it is no terminal. Takes it over at the first own(). Signals whose handling
  /// is not the default one are left to who took them; SIGTTIN and SIGTTOU are ignored from now on, so that being in
  /// the background neither stops nor hangs us. (A child process must set those and SIGPIPE to default: exec keeps
  /// them.)
  explicit RawTerminal(int fd);
  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

  /// True when the terminal is ours to read: we are in its foreground process group (or it has no job control). It is
  /// in raw mode then. In the background its mode belongs to others, and is not touched.
  bool own();
};

}  // namespace vmm
