// A whole conversation on the fake target. The first byte chooses shape, line, first stop and non-stop mode. Then
// lines: `!` lets the target stop, `@` lets it speak, `=` sends the rest as it is; any other line is sent as a packet.
// Links: gdbstub.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "gdbstub/hex.hpp"
#include "gdbstub/session.hpp"
#include "tests/support/fake_target.hpp"

namespace {

constexpr std::size_t kMemory = 256;  // little, for speed

std::string packet(std::string_view payload) {
  unsigned sum = 0;
  for (const char c : payload) sum += static_cast<unsigned char>(c);
  const auto byte = static_cast<std::byte>(sum);
  std::string bytes = "$" + std::string(payload) + "#";
  gdb::append_hex(bytes, {&byte, 1});
  return bytes;
}

void stop(gdb::test::FakeTarget& target, std::string_view line) {
  gdb::StopEvent event;
  event.thread = line.size() % 3;
  if (target.non_stop && !target.thread_running(event.thread)) return;  // it can't stop twice
  if (!line.empty()) event.reason = static_cast<gdb::StopReason>(static_cast<unsigned char>(line[0]) % 8);
  event.console = std::string(line);
  target.stop(event);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  gdb::test::FakeTarget target((data[0] & 1) != 0 ? gdb::x86::Shape::kAny : gdb::x86::Shape::kX86_64);
  target.linear.resize(kMemory);
  target.physical.resize(kMemory);
  target.stops_when_attached = (data[0] & 2) == 0;
  target.has_non_stop = (data[0] & 8) != 0;
  target.stops_when_told = (data[0] & 16) == 0;
  target.names = {{1, "<CPU>"}};
  target.processors = {{2, 1}};
  target.readonly = {gdb::x86::Register::kCr0};
  target.unreadable = {gdb::x86::Register::kSt3};
  std::size_t sent = 0;
  gdb::Session session(
      target, [&](const std::string& bytes) { sent += bytes.size(); },
      (data[0] & 4) != 0 ? gdb::Session::Line::kSerial : gdb::Session::Line::kConnection);
  gdb::Fields lines(std::string_view(reinterpret_cast<const char*>(data), size).substr(1));
  while (!lines.done()) {
    const std::string_view line = lines.until('\n');
    if (line.starts_with('!')) {
      stop(target, line.substr(1));
    } else if (line.starts_with('@')) {
      if (target.listener != nullptr) target.listener->console(line.substr(1));
    } else {
      session.receive(line.starts_with('=') ? std::string(line.substr(1)) : packet(line));
    }
  }
  session.hang_up();
  if (target.listener != nullptr) std::abort();
  return 0;
}
