#include "vmm/options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <ranges>
#include <sstream>

#include "vmm/base/errors.hpp"
#include "vmm/console.hpp"
#include "vmm/memory/layout.hpp"
#include "vmm/version.hpp"

namespace vmm {

namespace {

using OnTripleFault = DebuggerOptions::OnTripleFault;
using OnDisconnect = DebuggerOptions::OnDisconnect;
using OnReset = DebuggerOptions::OnReset;

constexpr const char* kFooter =
    R"(Images (detected): multiboot 1, PVH and plain ELF32/ELF64 kernels, Linux bzImages, boot sectors and disk images (0x55AA);
raw code with --format flat@ADDRESS.
Exit status: 0 the guest powered off, or halted for ever with interrupts off; (value << 1) | 1 by port 0xf4;
2 bad usage, image or host; 3 the guest crashed.
`@FILE` among the arguments is replaced by the words in that file.)";

/// Lets a value parser of ours speak through CLI11: its error becomes the option's.
template <typename Parse>
CLI::callback_t by(const Parse& parse) {
  return [parse](const CLI::results_t& results) {
    try {
      parse(results.back());
    } catch (const std::exception& error) {
      throw CLI::ValidationError(error.what());
    }
    return true;
  };
}

/// `128M`, `1G`, `65536K`; without a suffix MiB, as QEMU has it.
std::uint64_t parse_size(const std::string& text) {
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  static const std::map<std::string, std::uint64_t> kUnits = {
      {"", layout::kMiB}, {"K", layout::kKiB}, {"M", layout::kMiB}, {"G", layout::kGiB}};
  std::string suffix(rest, end);
  std::ranges::transform(suffix, suffix.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  const auto unit = kUnits.find(suffix);
  constexpr std::uint64_t kMost = 1024 * layout::kGiB;
  if (error != std::errc() || unit == kUnits.end() || number > kMost / unit->second) {
    throw HostError(fmt::format("`{}` is not a memory size: write a number with K, M or G, such as 128M", text));
  }
  const std::uint64_t size = number * unit->second;
  if (size < layout::kMinRam) throw HostError(fmt::format("{} is too little memory: at least 1M is needed", text));
  return size;
}

/// An option that takes one of these words. (CLI11's own transformers print an enumeration of bytes as characters.)
template <typename Value>
CLI::Option* add_choice(CLI::App& command, const char* option, Value& value,
                        std::vector<std::pair<std::string, Value>> words, const char* help) {
  return command
      .add_option(option, by([&value, option, words = std::move(words)](const std::string& text) {
                    const auto found = std::ranges::find(words, text, [](const auto& row) { return row.first; });
                    if (found == words.end()) {
                      throw HostError(fmt::format("{}: `{}` is none of {}", option, text,
                                                  fmt::join(words | std::views::keys, ", ")));
                    }
                    value = found->second;
                  }),
                  help)
      ->type_name("WHAT");
}

CLI::Option* add_image(CLI::App& command, Options& options) {
  CLI::Option* image = command.add_option("IMAGE", options.run.image, "the guest image");
  command
      .add_option("--format", by([&](const std::string& text) { options.run.format = parse_format(text); }),
                  "overrule detection: flat@ADDRESS, boot-sector, multiboot, pvh, bzimage, elf")
      ->type_name("NAME");
  return image;
}

bool add_drives(RunOptions& run, const CLI::results_t& texts) {
  try {
    for (const std::string& text : texts) run.drives.push_back(parse_drive(text));
  } catch (const HostError& error) {
    throw CLI::ValidationError(error.what());
  }
  return true;
}

void add_run_options(CLI::App& command, Options& options) {
  RunOptions& run = options.run;
  add_image(command, options);
  command.add_option("--firmware", run.firmware, "instead of IMAGE: a ROM, such as SeaBIOS, that boots a drive")
      ->type_name("FILE");
  run.memory_size = 256 * layout::kMiB;  // teaching kernels take 224 MiB for granted
  command
      .add_option("-m,--memory", by([&](const std::string& text) { run.memory_size = parse_size(text); }),
                  "RAM with K, M or G [256M]")
      ->type_name("SIZE");
  command.add_option("-c,--cpus", run.cpus, "number of CPUs [1]")
      ->type_name("N")
      ->check(CLI::Range(1, 255).description(""));
  command
      .add_option("--cpu", by([&](const std::string& text) { run.cpu = parse_cpu_policy(text); }),
                  "CPU features to leave out (-NAME) or to insist on (NAME), by their names in /proc/cpuinfo [all that "
                  "KVM supports]")
      ->type_name("[-]NAME,...");
  run.gdb = *gdb::Endpoint::parse("tcp:127.0.0.1:1234");
  command
      .add_option("--gdb", by([&](const std::string& text) {
                    auto endpoint = gdb::Endpoint::parse(text);
                    if (!endpoint) throw HostError(endpoint.error());
                    run.gdb = *endpoint;
                  }),
                  "where gdb may attach: tcp:HOST:PORT (port 0: any), unix:PATH, stdio, pty, tty:DEVICE, none "
                  "[tcp:127.0.0.1:1234]")
      ->type_name("ENDPOINT");
  command.add_flag("--gdb-allow-remote", run.gdb_allow_remote, "allow a TCP endpoint that other machines can reach");
  command.add_flag("-S,--wait", run.debugger.wait, "hold at the first instruction until the debugger says go");
  command.add_option("--append", run.append, "kernel command line")->type_name("TEXT");
  command.add_option("--initrd", run.initrd, "initial RAM disk (the first module)")->type_name("FILE");
  command.add_option("--module", run.modules, "a boot module, with its arguments; repeatable")
      ->type_name("'FILE [ARGS]'")
      ->expected(1)
      ->allow_extra_args(false)  // what follows is IMAGE
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command
      .add_option(
          "--drive", [&run](const CLI::results_t& results) { return add_drives(run, results); },
          "a disk image or block device; ro: not written; snapshot: what is written is dropped; a comma in FILE is "
          "doubled; "
          "repeatable")
      ->type_name("FILE[,if=ide|virtio][,ro][,snapshot]")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command
      .add_option("--serial", by([&](const std::string& text) {
                    parse_console(text);
                    run.serial = text;
                  }),
                  "the guest's serial line and debug console: stdio, none, file:PATH, unix:PATH, pty [stdio; none with "
                  "--gdb stdio, --display text or --virtio-console stdio]")
      ->type_name("WHERE");
  add_choice(command, "--display", run.text_display, {{"text", true}, {"none", false}},
             "text: the guest's screen and keyboard are this terminal; none [none]");
  command
      .add_option("--virtio-console", by([&](const std::string& text) {
                    parse_console(text);
                    run.virtio_console = text;
                  }),
                  "a virtio console (Linux: hvc0): stdio, none, file:PATH, unix:PATH, pty [none]")
      ->type_name("WHERE");
  command.add_flag("--virtio-rng", run.virtio_rng, "a virtio entropy device, of the host's random numbers");
  command
      .add_option(
          "--net", by([&](const std::string& text) { run.net = parse_net(text); }),
          "a virtio network card: user[,hostfwd=tcp|udp:[HOST]:PORT-[GUEST]:PORT]… (10.0.2.15 by DHCP, the host "
          "is 10.0.2.2), tap[,ifname=NAME], both with [,mac=ADDRESS]; or none [none]")
      ->type_name("NETWORK");
  command
      .add_option("--symbols", run.symbols,
                  "the file gdb takes symbols from, and gdbvm where code will be [IMAGE, when it has them]")
      ->type_name("FILE");
  add_choice<std::optional<gdb::x86::Shape>>(
      command, "--registers", run.registers,
      {{"auto", std::nullopt}, {"x86-64", gdb::x86::Shape::kX86_64}, {"any", gdb::x86::Shape::kAny}},
      "what gdb is told of the registers: x86-64, or any, which adds eax…eip so that `set architecture i8086` and i386 "
      "work [auto: x86-64 for an ELF64 image or a bzImage]")
      ->type_name("KIND");
  add_choice(command, "--on-triple-fault", run.debugger.on_triple_fault,
             {{"auto", OnTripleFault::kAuto}, {"stop", OnTripleFault::kStop}, {"exit", OnTripleFault::kExit}},
             "auto, stop or exit [auto: stop for an attached debugger, else print the registers and exit 3]");
  add_choice(
      command, "--on-reset", run.debugger.on_reset,
      {{"restart", OnReset::kRestart}, {"stop", OnReset::kStop}, {"exit", OnReset::kExit}},
      "when the guest resets the machine: restart it, stop in the debugger at what did it, or exit with status 0 "
      "[restart]");
  add_choice(command, "--on-disconnect", run.debugger.on_disconnect,
             {{"continue", OnDisconnect::kContinue}, {"stop", OnDisconnect::kStop}, {"exit", OnDisconnect::kExit}},
             "when the debugger's connection is lost: continue, stop or exit [continue]");
  command.add_option("--log-level", options.log_level, "trace, debug, info, warn, error or off [warn]")
      ->type_name("LEVEL")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}).description(""));
  command.add_option("--log-file", options.log_file, "log there instead of standard error")->type_name("FILE");
  command.footer(kFooter);
}

/// What starts the guest: an image, or firmware.
void check_what_starts(const RunOptions& run) {
  const auto refuse = [](std::string_view text) { throw EarlyExit{2, fmt::format("gdbvm: {}\n", text)}; };
  if (run.firmware.empty()) {
    if (run.image.empty()) refuse("IMAGE is required, or --firmware FILE (see gdbvm --help)");
    return;
  }
  if (!run.image.empty()) {
    refuse(fmt::format("{} and --firmware: firmware boots what is on a drive, so give one of them", run.image));
  }
  if (run.format) refuse("--format is for an IMAGE; --firmware takes a ROM as it is");
  if (!run.append.empty() || !run.initrd.empty() || !run.modules.empty()) {
    refuse(
        "--append, --initrd and --module are handed to an IMAGE; with --firmware the boot loader on the drive does "
        "that");
  }
}

std::vector<std::string> with_option_files(const std::vector<std::string>& arguments) {
  std::vector<std::string> all;
  for (const std::string& argument : arguments) {
    if (argument.size() < 2 || argument[0] != '@') {
      all.push_back(argument);
      continue;
    }
    std::ifstream file(argument.substr(1));
    if (!file) throw EarlyExit{2, fmt::format("gdbvm: cannot read the option file {}\n", argument.substr(1))};
    for (std::string line; std::getline(file, line);) {
      if (const auto first = line.find_first_not_of(" \t"); first == std::string::npos || line[first] == '#') continue;
      for (std::string& word : CLI::detail::split_up(line)) all.push_back(std::move(word));
    }
  }
  return all;
}

/// Standard input and output belong to one of gdb, the serial line and the display.
void give_out_terminal(Options& options) {
  RunOptions& run = options.run;
  const bool gdb_has_it = run.gdb.kind == gdb::Endpoint::Kind::kStdio || options.command == Options::Command::kDebug;
  if (run.text_display && gdb_has_it) {
    throw EarlyExit{2,
                    "gdbvm: --display text needs this terminal, which gdb has: use `gdbvm run` with another --gdb\n"};
  }
  std::vector<std::string_view> owners;
  if (run.gdb.kind == gdb::Endpoint::Kind::kStdio) owners.push_back("--gdb");
  if (run.text_display) owners.push_back("--display");
  if (run.virtio_console == "stdio") owners.push_back("--virtio-console");
  if (run.serial.empty()) run.serial = owners.empty() ? "stdio" : "none";
  if (run.serial == "stdio") owners.push_back("--serial");
  if (owners.size() < 2) return;
  throw EarlyExit{
      2, fmt::format("gdbvm: {} and {} cannot both have standard input and output: give one another place\n", owners[0],
                     owners[1])};
}

}  // namespace

Options parse_options(std::vector<std::string> arguments) {
  Options options;
  options.log_level = "warn";
  // What follows `--` is gdb's, to the letter.
  const auto separator = std::ranges::find(arguments, "--");
  if (separator != arguments.end()) options.run.gdb_arguments.assign(separator + 1, arguments.end());
  const bool separated = separator != arguments.end();
  arguments.erase(separator, arguments.end());
  arguments = with_option_files(arguments);
  if (!arguments.empty() && arguments[0] == "test") {
    options.command = Options::Command::kTest;
    options.test_arguments.assign(arguments.begin() + 1, arguments.end());
    if (separated) options.test_arguments.emplace_back("--");
    for (std::string& argument : options.run.gdb_arguments) options.test_arguments.push_back(std::move(argument));
    return options;
  }

  CLI::App app("A KVM virtual machine monitor for debugging: stock gdb drives the VM from its first instruction.",
               "gdbvm");
  app.set_version_flag("--version", fmt::format("gdbvm {}", kVersion));
  app.require_subcommand(1);
  app.footer("See `gdbvm COMMAND --help` and man gdbvm.");
  CLI::App* run = app.add_subcommand("run", "run a guest, with a gdb server");
  CLI::App* debug = app.add_subcommand("debug",
                                       "run a guest held at its first instruction, with gdb in this terminal; "
                                       "arguments behind -- are gdb's");
  app.add_subcommand("test", "run tests: gdb scripts, each with a fresh VM");  // never parsed here
  CLI::App* host = app.add_subcommand("host", "show what this host's KVM can do");
  CLI::App* image = app.add_subcommand("image", "show what the loader sees in an image");
  add_run_options(*run, options);
  add_run_options(*debug, options);
  for (const char* option : {"--gdb", "--gdb-allow-remote"}) {
    debug->get_option(option)->group("")->check([option](const std::string&) -> std::string {  // "" hides it
      throw EarlyExit{
          2, fmt::format("gdbvm: {} is for `gdbvm run`: `gdbvm debug` starts a gdb and gives it a socket of its own\n",
                         option)};
    });
  }
  add_image(*image, options)->required();
  for (CLI::App* command : {host, image}) command->add_flag("--json", options.json, "machine-readable");

  try {
    std::ranges::reverse(arguments);  // CLI11 takes them from the back
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    std::ostringstream text;
    if (error.get_exit_code() == 0) {
      app.exit(error, text, text);
      throw EarlyExit{0, text.str()};
    }
    std::string message = error.what();
    std::ranges::replace(message, '\n', ' ');
    throw EarlyExit{2, fmt::format("gdbvm: {} (see gdbvm --help)\n", message)};
  }
  if (*run) options.command = Options::Command::kRun;
  if (*debug) options.command = Options::Command::kDebug;
  if (*host) options.command = Options::Command::kHost;
  if (*image) options.command = Options::Command::kImage;
  if (*run || *debug) check_what_starts(options.run);
  give_out_terminal(options);
  if (separated && options.command != Options::Command::kDebug) {
    throw EarlyExit{2, "gdbvm: arguments behind `--` are for gdb, which only `gdbvm debug` starts\n"};
  }
  return options;
}

}  // namespace vmm
