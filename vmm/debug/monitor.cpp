#include "vmm/debug/monitor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <sstream>

#include "vmm/base/number.hpp"
#include "vmm/debug/debugger.hpp"
#include "vmm/debug/registers.hpp"

namespace vmm {

const std::vector<Monitor::Row>& Monitor::table() {
  static const std::vector<Row> rows = {
      {"help", "", "this list", &Monitor::help, false},
      {"info registers", "[CPU]", "all registers of a CPU (default: 0), with segments and tables",
       &Monitor::info_registers},
      {"info cpus", "", "each CPU: mode, privilege level, where it is", &Monitor::info_cpus},
      {"info exits", "", "how often each CPU left the guest, by reason", &Monitor::info_exits},
      {"info devices", "", "the devices and their addresses", &Monitor::info_devices},
      {"info breakpoints", "", "breakpoints: how each was armed when the guest ran last, hits",
       &Monitor::info_breakpoints},
      {"info catch", "", "catchpoints and their hits", &Monitor::info_catch},
      {"catch", "EVENT [NUMBER]",
       "stop at: exception VECTOR, triple-fault, reset, cr3, msr NUMBER, io PORT, mmio ADDRESS, hypercall",
       &Monitor::add_catch},
      {"uncatch", "NUMBER|all", "remove a catchpoint", &Monitor::uncatch},
      {"break-filter", "cr3 VALUE|none", "breakpoints at user addresses count in one address space only",
       &Monitor::break_filter},
      {"interrupts-while-stepping", "on|off", "whether a step may be interrupted (off at start)",
       &Monitor::interrupts_while_stepping},
      {"screen", "", "the text that the guest's screen shows", &Monitor::screen, false},
      {"screendump", "FILE.png", "a picture of it", &Monitor::screendump, false},
      {"sendkey", "KEY[-KEY…]", "press keys of the guest's keyboard and let them go: a, ctrl-alt-delete, ret, f1",
       &Monitor::sendkey, false},
      {"reset", "", "back to the first instruction, held there; breakpoints stay", &Monitor::reset},
      {"quit", "", "end the VM", &Monitor::quit, false},
  };
  return rows;
}

gdb::Result<std::string> Monitor::command(std::string_view line) {
  Words words;
  std::istringstream stream{std::string(line)};
  for (std::string word; stream >> word;) words.push_back(word);
  if (words.empty()) return help({});
  for (const Row& row : table()) {
    const bool two = row.name.find(' ') != std::string_view::npos;
    const std::string said = two && words.size() > 1 ? words[0] + " " + words[1] : words[0];
    if (said != row.name) continue;
    words.erase(words.begin(), words.begin() + (two ? 2 : 1));
    if (!words.empty() && row.arguments.empty()) return gdb::fail(fmt::format("`{}` takes no arguments", row.name));
    if (debugger_.running() && row.needs_stopped) return gdb::fail("the guest is running: interrupt it first");
    return (this->*row.handler)(words);
  }
  return gdb::fail(fmt::format("unknown command `{}`: see `monitor help`", line));
}

gdb::Result<std::string> Monitor::help(const Words&) {
  std::string out;
  for (const Row& row : table())
    out += fmt::format("{:34} {}\n", fmt::format("{} {}", row.name, row.arguments), row.help);
  return out;
}

gdb::Result<std::string> Monitor::info_registers(const Words& words) {
  unsigned cpu = 0;
  if (!words.empty()) {
    const std::string& word = words[0];
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), cpu);
    if (words.size() > 1 || error != std::errc() || end != word.data() + word.size() ||
        cpu >= debugger_.machine_->vcpu_count()) {
      return gdb::fail(fmt::format("`info registers` takes a CPU from 0 to {}", debugger_.machine_->vcpu_count() - 1));
    }
  }
  return register_dump(debugger_.run_->state(cpu));
}

gdb::Result<std::string> Monitor::info_cpus(const Words&) {
  std::string out;
  for (unsigned i = 0; i < debugger_.machine_->vcpu_count(); ++i) {
    const CpuState& state = debugger_.run_->state(i);
    out += fmt::format("CPU {}: {}, CPL {}, pc {:#x}, interrupts {}, {}\n", i, name_of(mode_of(state)), cpl_of(state),
                       linear_pc(state), (state.rflags & kRflagsIf) != 0 ? "on" : "off", debugger_.activity(i));
  }
  return out;
}

gdb::Result<std::string> Monitor::info_exits(const Words&) {
  // In the order of kvm::Exit.
  constexpr std::array kNames{"port I/O",          "MMIO",       "debug",
                              "interrupted by us", "HLT",        "triple fault",
                              "emulation failure", "host fault", "MSR access"};
  static_assert(kNames.size() == std::variant_size_v<kvm::Exit>);
  std::string out;
  for (unsigned i = 0; i < debugger_.machine_->vcpu_count(); ++i) {
    const ExitCounts& counts = debugger_.machine_->vcpu(i).exits();
    for (std::size_t kind = 0; kind < kNames.size(); ++kind) {
      out += fmt::format("CPU {}: {:18} {}\n", i, kNames[kind], counts[kind].load(std::memory_order_relaxed));
    }
  }
  return out;
}

gdb::Result<std::string> Monitor::info_devices(const Words&) {
  std::string out;
  for (const Bus::Row& row : debugger_.machine_->ports().rows()) {
    out += fmt::format("port {:04x}-{:04x}  {}\n", row.base, row.base + row.size - 1, row.device->name());
  }
  for (const Bus::Row& row : debugger_.machine_->mmio().rows()) {
    out += fmt::format("mmio {:x}-{:x}  {}\n", row.base, row.base + row.size - 1, row.device->name());
  }
  return out + "in the kernel: PICs at ports 0020 00a0, PIT at 0040, IOAPIC at fec00000, local APICs at fee00000\n";
}

namespace {

std::string breakpoint_line(gdb::BreakpointType type, std::uint64_t address, std::string how,
                            const Breakpoint::Counts& counts) {
  constexpr std::array kTypes{"break", "hbreak", "watch", "rwatch", "awatch"};
  const std::uint64_t hits = counts.hits;
  const std::uint64_t passes = counts.passes;
  if (hits + passes > 0) how += fmt::format(", hit {} times", hits);
  if (passes > 0) how += fmt::format(", its condition was false {} times", passes);
  return fmt::format("{:7} {:#018x}  {}\n", kTypes.at(static_cast<std::size_t>(type)), address, how);
}

}  // namespace

gdb::Result<std::string> Monitor::info_breakpoints(const Words&) {
  std::string out;
  const Breakpoints& breakpoints = debugger_.breakpoints_;
  for (const Breakpoint& row : breakpoints.last_plan().rows) {
    if (!row.users()) continue;
    std::string how = describe(row);
    if (is_watch(row.spec)) how += fmt::format(", {} bytes", row.spec.kind);
    out += breakpoint_line(row.spec.type, row.spec.address, std::move(how), *row.counts);
  }
  // gdb takes the one out that it steps over.
  for (const auto& [key, counts] : breakpoints.counts()) {
    const auto& [type, address] = key;
    const bool known = std::ranges::any_of(breakpoints.last_plan().rows, [&](const Breakpoint& row) {
      return row.users() && row.spec.type == type && row.spec.address == address;
    });
    if (!known && counts->hits + counts->passes > 0) out += breakpoint_line(type, address, "not set", *counts);
  }
  if (breakpoints.cr3_filter) {
    out += fmt::format("addresses of the lower half count while cr3 is {:#x}\n", *breakpoints.cr3_filter);
  }
  return out.empty() ? "none was armed when the guest ran last\n" : out;
}

gdb::Result<std::string> Monitor::info_catch(const Words&) { return debugger_.breakpoints_.catchpoints.list(); }

gdb::Result<std::string> Monitor::add_catch(const Words& words) {
  const bool msr = !words.empty() && words[0] == "msr";
  if (msr && !debugger_.host_.abilities.get().msr_exits) {
    return gdb::fail("this host's KVM cannot show accesses to MSRs (see `gdbvm host`)");
  }
  const auto address = words.size() == 2 && words[0] == "mmio" ? number_of(words[1]) : std::nullopt;
  if (address && debugger_.machine_->memory().contains(*address, 1)) {
    return gdb::fail(fmt::format("{:#x} is memory, no device: use `watch`", *address));
  }
  return debugger_.breakpoints_.catchpoints.add(words);
}

gdb::Result<std::string> Monitor::uncatch(const Words& words) {
  if (words.size() != 1) return gdb::fail("`uncatch` takes the number of a catchpoint, or `all`");
  return debugger_.breakpoints_.catchpoints.remove(words[0]);
}

gdb::Result<std::string> Monitor::break_filter(const Words& words) {
  auto& filter = debugger_.breakpoints_.cr3_filter;
  if (words.size() == 1 && words[0] == "none") {
    filter.reset();
    return "breakpoints count in every address space\n";
  }
  if (words.size() == 2 && words[0] == "cr3" && words[1] == "none") {
    filter.reset();
    return "breakpoints count in every address space\n";
  }
  const auto value = words.size() == 2 && words[0] == "cr3" ? number_of(words[1]) : std::nullopt;
  if (!value) return gdb::fail("`break-filter` takes `cr3 VALUE` or `cr3 none`");
  constexpr std::uint64_t kFlags = 0xfff;  // PCID, PWT, PCD do not count
  filter = *value & ~kFlags;
  return fmt::format("breakpoints at addresses of the lower half count while cr3 is {:#x}\n", *filter);
}

gdb::Result<std::string> Monitor::interrupts_while_stepping(const Words& words) {
  if (words.size() != 1 || (words[0] != "on" && words[0] != "off")) {
    return gdb::fail("`interrupts-while-stepping` takes `on` or `off`");
  }
  debugger_.block_interrupts_ = words[0] == "off";
  debugger_.context_->block_interrupts = debugger_.block_interrupts_;
  if (debugger_.block_interrupts_ && !debugger_.host_.abilities.get().block_interrupts) {
    return "this host's KVM cannot block interrupts: a step may still land in a handler\n";
  }
  return fmt::format("interrupts while stepping: {}\n", words[0]);
}

gdb::Result<std::string> Monitor::reset(const Words&) {
  if (const auto done = debugger_.rebuild(); !done) return std::unexpected(done.error());
  return "the machine is at its first instruction; `maintenance flush register-cache` shows it, `continue` runs it\n";
}

gdb::Result<std::string> Monitor::quit(const Words&) {
  debugger_.finish(0);
  return "the VM ends\n";
}

}  // namespace vmm
