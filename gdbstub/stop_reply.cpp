// Stop replies (GDB manual, "Stop Reply Packets").
#include <fmt/format.h>

#include <array>
#include <string>
#include <utility>

#include "gdbstub/conversation.hpp"
#include "gdbstub/hex.hpp"

namespace gdb {
namespace {

using x86::Register;

std::string ended(char kind, unsigned code, bool multiprocess) {
  return fmt::format("{}{:02x}{}", kind, code, multiprocess ? fmt::format(";process:{:x}", kProcess) : "");
}

std::string reason_text(const StopEvent& event, const Features& features) {
  switch (event.reason) {
    case StopReason::kSoftwareBreakpoint: return features.swbreak ? "swbreak:;" : "";
    case StopReason::kHardwareBreakpoint: return features.hwbreak ? "hwbreak:;" : "";
    case StopReason::kWriteWatch: return fmt::format("watch:{:x};", event.address);
    case StopReason::kReadWatch: return fmt::format("rwatch:{:x};", event.address);
    case StopReason::kAccessWatch: return fmt::format("awatch:{:x};", event.address);
    default: return "";
  }
}

// The registers sent along: all that gdb wants after a stop, so that it needs no `g`.
constexpr std::array<std::pair<Register, Register>, 2> kExpedited = {{
    {Register::kRax, Register::kGs},
    {Register::kEax, Register::kEip},
}};

std::string expedited_registers(Target& target, ThreadId thread) {
  std::string text;
  text.reserve(1024);
  for (const auto& [first, last] : kExpedited) {
    for (auto number = std::to_underlying(first); number <= std::to_underlying(last); ++number) {
      const auto reg = target.layout().from_number(number);
      if (!reg) continue;
      const auto value = target.read_register(thread, *reg);
      if (!value) continue;
      text += hex_of_number(number) + ":";
      append_hex(text, std::span(value->bytes).first(x86::size_of(*reg)));
      text += ";";
    }
  }
  return text;
}

std::string core_text(const Target& target, ThreadId thread) {
  const auto core = target.core(thread);
  return core ? fmt::format("core:{:x};", *core) : "";
}

}  // namespace

std::string Conversation::stop_text(const StopEvent& event) const {
  if (event.reason == StopReason::kExited) return ended('W', event.exit_code, features.multiprocess);
  const auto signal = std::to_underlying(event.signal);
  if (event.reason == StopReason::kKilled) return ended('X', signal, features.multiprocess);
  return fmt::format("T{:02x}thread:{};{}{}{}", signal, thread_text(event.thread), core_text(target, event.thread),
                     reason_text(event, features), expedited_registers(target, event.thread));
}

std::string Conversation::report_stop() {
  if (!ends_guest(last_stop)) general = last_stop.thread;
  return stop_text(last_stop);
}

}  // namespace gdb
