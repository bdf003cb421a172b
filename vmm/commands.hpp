/// What `gdbvm COMMAND` does; each returns the process's exit code and throws HostError or LoadError.
#pragma once

#include "vmm/options.hpp"

namespace vmm {

int run_command(const RunOptions& options, bool start_gdb_here);
/// Becomes the test runner, a Python program; returns only by throwing HostError.
int test_command(const std::vector<std::string>& arguments);
int host_command(bool json);
int image_command(const RunOptions& options, bool json);

}  // namespace vmm
