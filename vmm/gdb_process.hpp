/// Stock gdb as a child in this terminal.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace vmm {

/// Starts `$GDB`, or `gdb`, with these arguments, in the foreground with default signal handling. Throws HostError when
/// it can't be started.
pid_t start_gdb(const std::vector<std::string>& arguments);

}  // namespace vmm
