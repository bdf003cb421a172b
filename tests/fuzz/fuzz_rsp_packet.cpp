// Any bytes through the parser, whole and cut; any bytes through a frame and back. Links: gdbstub.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "gdbstub/packet.hpp"

namespace {

using gdb::PacketEvent;

void require(bool holds) {
  if (!holds) std::abort();
}

std::vector<PacketEvent> parse(std::string_view bytes, std::size_t piece) {
  gdb::PacketParser parser;
  std::vector<PacketEvent> events;
  while (!bytes.empty()) {
    std::string_view part = bytes.substr(0, piece);
    bytes.remove_prefix(part.size());
    while (auto event = parser.next(part)) events.push_back(std::move(*event));
  }
  return events;
}

std::string expanded(std::string_view frame) {
  std::string body;
  for (std::size_t i = 1; i + 3 < frame.size(); ++i) {
    if (frame[i] == '*') {
      body.append(static_cast<std::size_t>(frame[++i] - 29), body.back());
    } else {
      body += frame[i];
    }
  }
  return body;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto whole = parse(bytes, SIZE_MAX);
  const auto cut = parse(bytes, 1 + size % 3);
  require(whole.size() == cut.size());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    require(whole[i].kind == cut[i].kind && whole[i].payload == cut[i].payload);
    require(whole[i].payload.size() <= gdb::kPacketSize);
  }

  std::string unpacked = expanded(gdb::frame(bytes));
  std::string again = gdb::frame("") + "$" + unpacked + "#";
  unsigned sum = 0;
  for (const char c : unpacked) sum += static_cast<unsigned char>(c);
  again += "0123456789abcdef"[sum >> 4 & 15];
  again += "0123456789abcdef"[sum & 15];
  const auto back = parse(again, SIZE_MAX);
  require(back.size() == 2 && back[1].kind == PacketEvent::Kind::kPacket && back[1].payload == bytes);
  return 0;
}
