/// The command line as values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gdbstub/endpoint.hpp"
#include "vmm/cpu/cpuid.hpp"
#include "vmm/debug/debugger.hpp"
#include "vmm/devices/drive_spec.hpp"
#include "vmm/loader/boot_image.hpp"
#include "vmm/net.hpp"

namespace vmm {

/// Of `run` and `debug`.
struct RunOptions {
  std::string image;              ///< empty: `firmware`
  std::string firmware;           ///< a path; empty: none
  std::uint64_t memory_size = 0;  ///< bytes
  unsigned cpus = 1;
  CpuPolicy cpu;
  gdb::Endpoint gdb;
  bool gdb_allow_remote = false;
  std::string append;
  std::string initrd;                ///< a path; empty: none
  std::vector<std::string> modules;  ///< "FILE[ ARGS]" each
  std::string serial;
  bool text_display = false;
  std::vector<DriveSpec> drives;
  std::string virtio_console;
  bool virtio_rng = false;
  NetSpec net;
  std::optional<FormatRequest> format;
  std::string symbols;
  std::optional<gdb::x86::Shape> registers;  ///< empty: chosen by the image
  DebuggerOptions debugger;
  std::vector<std::string> gdb_arguments;  ///< of `debug`, behind `--`
};

struct Options {
  enum class Command : std::uint8_t { kRun, kDebug, kTest, kHost, kImage };
  Command command = Command::kRun;
  RunOptions run;                           ///< of kRun and kDebug; its image and format also of kImage
  std::vector<std::string> test_arguments;  ///< of kTest: the runner's, to the letter
  bool json = false;
  std::string log_level;
  std::string log_file;
};

/// The command line asks for nothing more than text (--help, --version), or is wrong.
struct EarlyExit {
  int code;  ///< 0 or 2
  std::string text;
};

/// Parses the arguments (without the program's name); `@FILE` is replaced by the words of that file.
/// Throws EarlyExit.
Options parse_options(std::vector<std::string> arguments);

}  // namespace vmm
