#include "vmm/terminal.hpp"

#include <termios.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "vmm/base/errors.hpp"

namespace vmm {
namespace {

/// What the signal handlers need: they have no object. All that they call is async-signal-safe (signal-safety(7)).
struct Held {
  std::atomic<bool> exists = false;
  std::atomic<bool> raw = false;
  int fd = -1;
  termios original{};
  termios raw_mode{};
};
Held held;

bool in_foreground() {
  const auto group = ::tcgetpgrp(held.fd);
  return group < 0 || group == ::getpgrp();  // negative: not our controlling terminal, no job control
}

void enter() {
  if (!held.exists || held.raw || !in_foreground()) return;
  if (::tcsetattr(held.fd, TCSANOW, &held.raw_mode) == 0) held.raw = true;
}

void leave() {
  if (!held.exists || !held.raw || !in_foreground()) return;
  held.raw = false;
  ::tcsetattr(held.fd, TCSANOW, &held.original);
}

/// Installed with SA_RESETHAND: raising the signal again does what it does by default, to the whole process.
void leave_and_raise(int signal) {
  const int saved = errno;
  leave();
  ::raise(signal);
  errno = saved;
}

void install(int signal, void (*handler)(int));

void come_back(int) {
  const int saved = errno;
  install(SIGTSTP, leave_and_raise);
  held.raw = false;  // the shell has set its own mode meanwhile, even if SIGSTOP gave us no chance to leave
  enter();
  errno = saved;
}

struct Handled {
  int signal;
  void (*handler)(int);
};
constexpr Handled kHandled[] = {
    {SIGTERM, leave_and_raise}, {SIGINT, leave_and_raise},  {SIGHUP, leave_and_raise}, {SIGQUIT, leave_and_raise},
    {SIGABRT, leave_and_raise}, {SIGSEGV, leave_and_raise}, {SIGBUS, leave_and_raise}, {SIGILL, leave_and_raise},
    {SIGFPE, leave_and_raise},  {SIGTSTP, leave_and_raise}, {SIGCONT, come_back},
};

/// Only where nobody else has: who handles SIGTERM to end in order will run our destructor.
void install(int signal, void (*handler)(int)) {
  struct sigaction action{};
  ::sigaction(signal, nullptr, &action);
  if (action.sa_handler != SIG_DFL) return;
  action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_NODEFER | SA_RESTART;
  if (handler == leave_and_raise) action.sa_flags |= static_cast<int>(SA_RESETHAND);
  ::sigaction(signal, &action, nullptr);
}

void uninstall(const Handled& handled) {
  struct sigaction action{};
  ::sigaction(handled.signal, nullptr, &action);
  if (action.sa_handler == handled.handler) std::signal(handled.signal, SIG_DFL);
}

termios raw_from(termios mode) {
  mode.c_iflag &= ~static_cast<tcflag_t>(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
  mode.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
  mode.c_cflag = (mode.c_cflag & ~static_cast<tcflag_t>(CSIZE | PARENB)) | CS8;
  mode.c_oflag |= OPOST | ONLCR;
  mode.c_cc[VMIN] = 1;
  mode.c_cc[VTIME] = 0;
  return mode;
}

}  // namespace

RawTerminal::RawTerminal(int fd) {
  VMM_CHECK(!held.exists);
  held.fd = fd;
  if (::tcgetattr(fd, &held.original) != 0) throw HostError::from_errno("reading the terminal's mode");
  held.raw_mode = raw_from(held.original);
  held.raw = false;
  held.exists = true;
  std::signal(SIGTTIN, SIG_IGN);
  std::signal(SIGTTOU, SIG_IGN);
  for (const auto& [signal, handler] : kHandled) install(signal, handler);
  static const int at_exit = std::atexit(leave);
  static_cast<void>(at_exit);
}

RawTerminal::~RawTerminal() {
  for (const auto& handled : kHandled) uninstall(handled);
  leave();
  held.exists = false;
}

bool RawTerminal::own() {
  enter();
  return in_foreground();
}

}  // namespace vmm
