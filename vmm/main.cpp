#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdio>
#include <exception>

#include "vmm/base/errors.hpp"
#include "vmm/commands.hpp"
#include "vmm/options.hpp"

namespace {

constexpr int kExitUsage = 2;

/// Logs go to standard error or a file, never into the guest's console.
void set_up_log(const vmm::Options& options) {
  spdlog::sink_ptr sink;
  if (options.log_file.empty()) {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  } else {
    sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.log_file, true);
  }
  spdlog::set_default_logger(std::make_shared<spdlog::logger>("gdbvm", sink));
  spdlog::set_level(spdlog::level::from_str(options.log_level == "warn" ? "warning" : options.log_level));
  spdlog::set_pattern("gdbvm: %l: %v");
}

/// With one of them closed, the next file opened, perhaps KVM's, would become the guest's console.
void open_standard_streams() {
  int fd = 0;
  do {
    fd = ::open("/dev/null", O_RDWR);
  } while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) ::close(fd);
}

int run(int argc, char** argv) {
  const vmm::Options options = vmm::parse_options({argv + 1, argv + argc});
  set_up_log(options);
  switch (options.command) {
    case vmm::Options::Command::kRun: return vmm::run_command(options.run, false);
    case vmm::Options::Command::kDebug: return vmm::run_command(options.run, true);
    case vmm::Options::Command::kTest: return vmm::test_command(options.test_arguments);
    case vmm::Options::Command::kHost: return vmm::host_command(options.json);
    case vmm::Options::Command::kImage: return vmm::image_command(options.run, options.json);
  }
  return kExitUsage;
}

}  // namespace

int main(int argc, char** argv) {
  open_standard_streams();
  try {
    return run(argc, argv);
  } catch (const vmm::EarlyExit& early) {
    std::fputs(early.text.c_str(), early.code == 0 ? stdout : stderr);
    return early.code;
  } catch (const std::exception& error) {
    std::fputs(fmt::format("gdbvm: {}\n", error.what()).c_str(), stderr);
    return kExitUsage;
  }
}
