#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/wait.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <list>
#include <optional>
#include <thread>

#include "gdbstub/server.hpp"
#include "vmm/asio.hpp"
#include "vmm/base/errors.hpp"
#include "vmm/base/patience.hpp"
#include "vmm/commands.hpp"
#include "vmm/console.hpp"
#include "vmm/debug/debugger.hpp"
#include "vmm/devices/disk_file.hpp"
#include "vmm/gdb_process.hpp"
#include "vmm/kvm/probes.hpp"
#include "vmm/loader/image_file.hpp"
#include "vmm/machine/machine.hpp"
#include "vmm/text_display.hpp"
#include "vmm/virtio_ends.hpp"

namespace vmm {

namespace {

/// The files of the command line, mapped as long as the VM may be reset.
class Files {
 public:
  explicit Files(const RunOptions& options) : image_(options.firmware.empty() ? options.image : options.firmware) {
    config_.memory_size = options.memory_size;
    config_.cpus = options.cpus;
    config_.cpu = options.cpu;
    config_.image = options.firmware.empty() ? parse_image(image_, options.format) : parse_firmware(image_);
    config_.boot.command_line = options.append;
    config_.boot.image_name = options.image;
    if (!options.initrd.empty()) add_module(options.initrd, options.initrd);
    for (const DriveSpec& drive : options.drives) {
      config_.drives.push_back({.interface = drive.interface, .disk = &disks_.emplace_back(drive)});
    }
    for (const std::string& module : options.modules) add_module(module.substr(0, module.find(' ')), module);
    if (!options.firmware.empty()) add_vga_bios(options);
  }
  const MachineConfig& config() const { return config_; }

 private:
  void add_module(const std::string& path, const std::string& arguments) {
    modules_.emplace_back(path);
    config_.boot.modules.push_back({.bytes = modules_.back().bytes(), .arguments = arguments});
  }
  void add_vga_bios(const RunOptions& options) {
    vga_bios_ = vga_bios_beside(options.firmware);
    if (vga_bios_) config_.vga_bios = vga_bios_->bytes();
    if (!vga_bios_ && options.text_display) {
      spdlog::warn("no vgabios.bin beside {}: firmware such as SeaBIOS shows nothing on the screen without one",
                   options.firmware);
    }
  }
  ImageFile image_;
  std::optional<ImageFile> vga_bios_;
  std::list<ImageFile> modules_;
  std::list<DiskFile> disks_;
  MachineConfig config_;
};

void add_hints(const BootImage& image, bool awaited, std::vector<LinkHint>& hints) {
  for (const ImageSegment& segment : image.segments) {
    if (segment.executable) hints.push_back({segment.link, segment.memory_size, segment.physical, awaited});
  }
}

/// Where code will be once it is mapped: as the image says, and, for an image that unpacks or loads the code itself (a
/// bzImage, a boot sector), as the symbol file does. One that gdb alone can read is none of our business.
std::vector<LinkHint> hints_of(const BootImage& image, const std::string& symbols) {
  std::vector<LinkHint> hints;
  add_hints(image, false, hints);
  if (symbols.empty()) return hints;
  const ImageFile file(symbols);
  try {
    const BootImage described = parse_image(file.bytes(), FormatRequest{.format = ImageFormat::kElf64});
    add_hints(described, true, hints);
  } catch (const std::exception& error) {
    spdlog::info("{} does not say where its code will be: {}", symbols, error.what());
  }
  return hints;
}

/// A private folder for the socket between us and the gdb we start; gone with the object.
class PrivateFolder {
 public:
  PrivateFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "gdbvm-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw HostError::from_errno("mkdtemp " + pattern);
    path_ = pattern;
  }
  ~PrivateFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;
  std::string file(const char* name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

bool is_elf64(const std::string& path) {
  std::array<char, 5> identification{};
  std::ifstream(path, std::ios::binary).read(identification.data(), identification.size());
  return std::string_view(identification.data(), identification.size()) ==
         "\x7f"
         "ELF\x02";
}

std::vector<std::string> gdb_arguments(const RunOptions& options, const BootImage& image, const std::string& socket) {
  std::vector<std::string> arguments{"-q"};
  const std::string symbols = !options.symbols.empty() ? options.symbols : image.elf ? options.image : "";
  // Before it connects, so that the first disassembly is right. Symbols of an ELF64 file work in its own architecture
  // only.
  if (image.entry_mode == EntryMode::kReal16 && !is_elf64(symbols)) {
    arguments.insert(arguments.end(), {"-iex", "set architecture i8086"});
  }
  if (!symbols.empty()) arguments.push_back(symbols);
  arguments.insert(arguments.end(), {"-ex", "target remote " + socket});
  arguments.insert(arguments.end(), options.gdb_arguments.begin(), options.gdb_arguments.end());
  return arguments;
}

/// One run of the program: everything that lives on the I/O thread, in the order it is built.
class Run {
 public:
  Run(const RunOptions& options, bool with_gdb)
      : options_(options),
        files_(options),
        probe_([this] { return kvm::probe(system_); }),
        abilities_(probe_.get_future().share()),
        console_(io_, parse_console(options.serial), {.output_only = with_gdb}),
        virtio_ends_(io_, options, with_gdb),
        prober_(debugger_options(with_gdb).wait ? std::jthread() : std::jthread(std::ref(probe_))),
        debugger_(host(), hints_of(files_.config().image, options.symbols), debugger_options(with_gdb)),
        ticker_(io_),
        farewell_(io_),
        signals_(io_) {
    if (with_gdb) {
      folder_.emplace();
    } else {
      end_on_signals();  // before anything is announced, as what reads that may end us at once
    }
    server_.emplace(io_, endpoint(), debugger_, gdb::Server::Options{[this](auto event) { on_server_event(event); }});
    console_.start({.accepting = [this] { return debugger_.machine().serial_accepting(); },
                    .on_input = [this](auto bytes) { debugger_.machine().serial_input(bytes); },
                    .on_ready = [this] { debugger_.machine().serial_host_ready(); },
                    .on_quit = [this] { end(0); }});
    virtio_ends_.start(debugger_, [this] { end(0); });
    announce();
    // Not beside the making of the machine: KVM would make the one wait for the other.
    if (!prober_.joinable()) prober_ = std::jthread(std::ref(probe_));
    if (options_.text_display) {
      display_.emplace(io_, [this]() -> Machine& { return debugger_.machine(); }, [this] { end(0); });
    }
    tick();
    if (with_gdb) start_gdb_here();
  }

  int run() {
    while (io_.run_one() != 0) {
      // A vCPU often stops microseconds after it was let go.
      while (debugger_.running() && patience_.wait([this] { return io_.poll_one() != 0; })) {
      }
    }
    if (display_) display_->show();  // the last state
    display_.reset();
    console_.drain();
    virtio_ends_.drain();
    return exit_code_.value_or(0);
  }

 private:
  DebuggerHost host() {
    return {.build =
                [this](const StopSink& sink) {
                  MachineConfig config = files_.config();
                  virtio_ends_.add_to(config.virtio);
                  console_.resume_input();  // which may wait for the machine before
                  return std::make_unique<Machine>(system_, config, console_, sink,
                                                   [this] { console_.resume_input(); });
                },
            .post = [this](std::function<void()> work) { boost::asio::post(io_, std::move(work)); },
            .hurry = [this] { boost::asio::post(io_, [this] { tick(); }); },
            .end = [this](int code) { end(code); },
            .abilities = abilities_};
  }

  DebuggerOptions debugger_options(bool with_gdb) const {
    DebuggerOptions chosen = options_.debugger;
    chosen.wait = chosen.wait || with_gdb;
    const BootImage& image = files_.config().image;
    const bool is64 = image.elf64 || image.format == ImageFormat::kBzImage;
    const auto by_image = is64 ? gdb::x86::Shape::kX86_64 : gdb::x86::Shape::kAny;
    chosen.registers = options_.registers.value_or(by_image);
    return chosen;
  }

  gdb::Endpoint endpoint() const {
    if (folder_) return {.kind = gdb::Endpoint::Kind::kUnix, .address = folder_->file("gdb"), .port = 0};
    if (options_.gdb.is_loopback()) return options_.gdb;
    if (!options_.gdb_allow_remote) {
      throw HostError(
          fmt::format("{} can be reached by other machines, and whoever attaches has full power over the guest: "
                      "use a loopback address, or add --gdb-allow-remote",
                      options_.gdb.text()));
    }
    std::fputs(
        fmt::format("gdbvm: warning: anyone who can reach {} has full power over the guest\n", options_.gdb.text())
            .c_str(),
        stderr);
    return options_.gdb;
  }

  void announce() const {
    if (parse_console(options_.serial).kind == ConsoleSpec::Kind::kPty) {
      std::fputs(fmt::format("serial: {}\n", console_.where()).c_str(), stderr);
    }
    virtio_ends_.announce();
    if (!folder_ && options_.gdb.kind != gdb::Endpoint::Kind::kNone) {
      std::fputs(fmt::format("gdb: listening on {}\n", server_->where()).c_str(), stderr);
    }
  }

  void tick() {
    ticker_.expires_after(debugger_.tick());
    virtio_ends_.resume();
    ticker_.async_wait([this](auto error) {
      if (!error) tick();
    });
  }

  void end_on_signals() {
    for (int signal : {SIGINT, SIGTERM, SIGHUP}) signals_.add(signal);
    signals_.async_wait([this](auto error, int signal) {
      if (error) return;
      exit_code_ = 128 + signal;
      io_.stop();
    });
  }

  void start_gdb_here() {
    std::signal(SIGINT, SIG_IGN);  // Ctrl-C is gdb's
    signals_.add(SIGCHLD);
    gdb_ = start_gdb(gdb_arguments(options_, files_.config().image, server_->where().substr(sizeof "unix:" - 1)));
    wait_for_gdb();
  }

  void wait_for_gdb() {
    signals_.async_wait([this](auto error, int) {
      if (error) return;
      int status = 0;
      if (::waitpid(gdb_, &status, WNOHANG) != gdb_) return wait_for_gdb();
      // A guest that ended well does not hide a gdb script that failed.
      if (exit_code_.value_or(0) == 0) exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      io_.stop();
    });
  }

  /// The VM is over; a gdb in this terminal may stay, to say so. An attached debugger gets a moment to read the last
  /// reply and to close its end.
  void end(int code) {
    if (!exit_code_) exit_code_ = code;
    if (gdb_ > 0) return;
    if (!server_ || !server_->attached()) return io_.stop();
    constexpr std::chrono::seconds kFarewell{1};
    // A timer of its own: a tick that is due already would wind it up again.
    farewell_.expires_after(kFarewell);
    farewell_.async_wait([this](auto error) {
      if (!error) io_.stop();
    });
  }
  void on_server_event(gdb::Server::Event event) {
    if (exit_code_ && gdb_ == 0 && event != gdb::Server::Event::kRefused) io_.stop();
  }

  RunOptions options_;
  kvm::System system_;
  Files files_;
  std::packaged_task<kvm::HostAbilities()> probe_;
  HostAbilitiesFuture abilities_;
  boost::asio::io_context io_{1};
  Patience patience_;
  Console console_;
  VirtioEnds virtio_ends_;
  std::jthread prober_;
  Debugger debugger_;
  boost::asio::steady_timer ticker_;
  boost::asio::steady_timer farewell_;
  boost::asio::signal_set signals_;
  std::optional<PrivateFolder> folder_;
  std::optional<gdb::Server> server_;
  std::optional<TextDisplay> display_;
  pid_t gdb_ = 0;
  std::optional<int> exit_code_;
};

}  // namespace

int run_command(const RunOptions& options, bool start_gdb_here) { return Run(options, start_gdb_here).run(); }

}  // namespace vmm
