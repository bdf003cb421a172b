// `gdbvm test`: the runner is Python, because the tests are.
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "vmm/base/errors.hpp"
#include "vmm/commands.hpp"

namespace vmm {

namespace {

/// Where it is beside an installed program; a build folder has the same shape.
constexpr const char* kRunner = "../share/gdbvm/testing/__main__.py";

}  // namespace

int test_command(const std::vector<std::string>& arguments) {
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::filesystem::path wanted = (program.parent_path() / kRunner).lexically_normal();
  const std::filesystem::path runner = std::filesystem::canonical(wanted, error);
  if (error) {
    throw HostError(fmt::format("`gdbvm test` needs its runner, {}: {} (install gdbvm as a whole: cmake --install)",
                                wanted.string(), error.message()));
  }
  ::setenv("GDBVM", program.c_str(), 1);
  std::vector<const char*> words{"python3", runner.c_str()};
  for (const std::string& argument : arguments) words.push_back(argument.c_str());
  words.push_back(nullptr);
  ::execvp(words[0], const_cast<char* const*>(words.data()));
  throw HostError(fmt::format("`gdbvm test` cannot start python3: {} (install Python 3)", std::strerror(errno)));
}

}  // namespace vmm
