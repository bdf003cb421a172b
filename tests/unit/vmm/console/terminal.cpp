#include "vmm/terminal.hpp"

#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <functional>

#include "console_test.hpp"
#include "vmm/base/errors.hpp"
#include "vmm/escape_keys.hpp"

using namespace vmm;

namespace {

/// In a process group of its own: not an orphaned one, where SIGTSTP would do nothing.
pid_t in_child(const std::function<void()>& work) {
  const auto child = ::fork();
  if (child != 0) return child;
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGABRT, SIGSEGV, SIGTSTP}) {
    std::signal(signal, SIG_DFL);  // Catch's own handlers
  }
  const rlimit no_core{};
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::setpgid(0, 0);
  work();
  ::_exit(0);
}

int wait_for(pid_t child, int options = 0) {
  int status = 0;
  REQUIRE(::waitpid(child, &status, options) == child);
  return status;
}

void say(int fd) { static_cast<void>(::write(fd, "!", 1) == 1); }
void hear(int fd) {
  char letter;
  static_cast<void>(::read(fd, &letter, 1) == 1);
}

}  // namespace

TEST_CASE("terminal: raw while it is owned, as it was afterwards", "[terminal]") {
  const PtyPair pty;
  {
    RawTerminal terminal(pty.slave.get());
    CHECK(pty.is_cooked());
    CHECK(terminal.own());
    CHECK(pty.is_raw());
    CHECK(terminal.own());
  }
  CHECK(pty.is_cooked());
  CHECK_THROWS_AS(RawTerminal(Pipe().out.get()), HostError);
}

TEST_CASE("terminal: given back by every signal that ends the process, which still ends it", "[terminal]") {
  const int signal = GENERATE(SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGABRT, SIGSEGV);
  const PtyPair pty;
  const Pipe entered;
  const auto child = in_child([&] {
    RawTerminal terminal(pty.slave.get());
    terminal.own();
    say(entered.in.get());
    if (signal == SIGABRT) std::abort();
    for (;;) ::pause();
  });
  hear(entered.out.get());
  if (signal != SIGABRT) {
    CHECK(pty.is_raw());
    ::kill(child, signal);
  }
  const int status = wait_for(child);
  INFO("signal " << signal);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == signal);
  CHECK(pty.is_cooked());
}

TEST_CASE("terminal: given back by std::exit", "[terminal]") {
  const PtyPair pty;
  const auto child = in_child([&] {
    RawTerminal terminal(pty.slave.get());
    terminal.own();
    std::exit(pty.is_raw() ? 5 : 6);
  });
  CHECK(WEXITSTATUS(wait_for(child)) == 5);
  CHECK(pty.is_cooked());
}

TEST_CASE("terminal: given back while stopped, taken again on going on", "[terminal]") {
  const int how = GENERATE(SIGTSTP, SIGSTOP);
  const PtyPair pty;
  const Pipe entered, ask, answered;
  const auto child = in_child([&] {
    RawTerminal terminal(pty.slave.get());
    terminal.own();
    say(entered.in.get());
    hear(ask.out.get());
    say(answered.in.get());
    for (;;) ::pause();
  });
  hear(entered.out.get());
  for (int round = 0; round < 2; ++round) {
    ::kill(child, how);
    CHECK(WIFSTOPPED(wait_for(child, WUNTRACED)));
    termios mode{};
    ::tcgetattr(pty.slave.get(), &mode);
    if (how == SIGTSTP) CHECK(pty.is_cooked());
    mode.c_lflag |= ICANON | ECHO | ISIG;  // as the shell does
    ::tcsetattr(pty.slave.get(), TCSANOW, &mode);
    ::kill(child, SIGCONT);
    wait_for(child, WCONTINUED);
    while (!pty.is_raw()) ::usleep(1000);  // CTest's time limit ends a wait in vain
  }
  say(ask.in.get());
  hear(answered.out.get());
  ::kill(child, SIGTERM);
  CHECK(WTERMSIG(wait_for(child)) == SIGTERM);
  CHECK(pty.is_cooked());
}

TEST_CASE("terminal: in the background it is not ours, and neither stops nor hangs us", "[terminal]") {
  PtyPair pty;
  const Pipe looked, foreground;
  const auto leader = in_child([&] {
    // A shell: leads a session, has the terminal, starts a job in the background and brings it to the foreground.
    const auto job_session = ::fork();
    if (job_session != 0) {
      int status = 0;
      ::waitpid(job_session, &status, 0);
      ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
    }
    ::setsid();
    if (::ioctl(pty.slave.get(), TIOCSCTTY, 0) != 0) ::_exit(90);
    const auto job = ::fork();
    if (job == 0) {
      ::setpgid(0, 0);
      RawTerminal terminal(pty.slave.get());
      const bool left_alone = !terminal.own() && pty.is_cooked();
      say(looked.in.get());
      hear(foreground.out.get());
      const bool taken = terminal.own() && pty.is_raw();
      ::_exit((left_alone ? 1 : 0) | (taken ? 2 : 0));
    }
    ::setpgid(job, job);
    hear(looked.out.get());
    ::tcsetpgrp(pty.slave.get(), job);
    say(foreground.in.get());
    int status = 0;
    ::waitpid(job, &status, WUNTRACED);
    ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 98);
  });
  const int status = wait_for(leader);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 3);
}

TEST_CASE("escape keys: however the bytes are split", "[console]") {
  int quits = 0;
  int helps = 0;
  EscapeKeys keys([&] { ++quits; }, [&] { ++helps; });
  const std::string_view typed =
      "a\x01\x01"
      "b\x01"
      "c\x01h\x01?\x01q\x01xz";
  const auto split = GENERATE(range(0, 14));
  std::string rest;
  for (const auto part :
       {typed.substr(0, static_cast<std::size_t>(split)), typed.substr(static_cast<std::size_t>(split))}) {
    for (const auto byte : keys.filter(std::as_bytes(std::span(part)))) rest += static_cast<char>(byte);
  }
  CHECK(rest ==
        "a\x01"
        "bz");
  CHECK(quits == 1);
  CHECK(helps == 3);
}
