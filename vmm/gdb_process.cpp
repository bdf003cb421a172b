#include "vmm/gdb_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "vmm/base/errors.hpp"
#include "vmm/base/unique_fd.hpp"

namespace vmm {

pid_t start_gdb(const std::vector<std::string>& arguments) {
  const char* chosen = std::getenv("GDB");
  const std::string program = chosen != nullptr && *chosen != '\0' ? chosen : "gdb";
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);

  // A failed exec is told through a pipe that a good one closes.
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw HostError::from_errno("pipe");
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) throw HostError::from_errno("fork");
  if (pid == 0) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGTTOU, SIGTTIN}) std::signal(signal, SIG_DFL);
    ::execvp(program.c_str(), argv.data());
    const int error = errno;
    if (::write(writer.get(), &error, sizeof error) < 0) ::_exit(126);
    ::_exit(127);
  }
  writer = UniqueFd();
  int error = 0;
  if (::read(reader.get(), &error, sizeof error) == static_cast<ssize_t>(sizeof error)) {
    ::waitpid(pid, nullptr, 0);
    throw HostError(
        fmt::format("cannot start {}: {} (install gdb, or set GDB to its path)", program, std::strerror(error)));
  }
  return pid;
}

}  // namespace vmm
