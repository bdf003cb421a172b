/// What `gdbvm COMMAND` does; each returns the process's exit code and throws HostError or LoadError.
#pragma once

#include "vmm/options.hpp"

namespace vmm {

int run_command(const RunOptions& options, bool start_gdb_here);
int host_command(bool json);
int image_command(const RunOptions& options, bool json);

}  // namespace vmm
