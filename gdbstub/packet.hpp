/// Packets ⇄ bytes (GDB manual, "Overview" of the Remote Serial Protocol): `$payload#checksum`, acknowledgments
/// and the interrupt byte. Total: no input makes anything here throw or grow beyond kPacketSize.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gdb {

/// PacketSize of qSupported: the longest payload accepted, as it is on the wire, and the longest sent before RLE.
inline constexpr std::size_t kPacketSize = 0x20000;

struct PacketEvent {
  enum class Kind : std::uint8_t {
    kPacket,       ///< `payload` is it, escapes undone
    kAck,          ///< `+`
    kNak,          ///< `-`
    kInterrupt,    ///< 0x03 between packets
    kBadChecksum,  ///< a packet that arrived damaged
    kTooLong,      ///< a whole packet, but longer than kPacketSize; it was dropped
  };
  Kind kind;
  std::string payload;
};

/// Bytes in, events out; keeps what is between two calls. What is no packet is dropped; `$` inside a packet
/// begins a new one, for gdb escapes it in data.
class PacketParser {
 public:
  /// Eats `bytes` up to the end of the next event; empty when they end before one does.
  std::optional<PacketEvent> next(std::string_view& bytes);

 private:
  enum class State : std::uint8_t { kBetween, kPayload, kEscape, kChecksumHigh, kChecksumLow };

  std::optional<PacketEvent> take(char c);
  std::optional<PacketEvent> take_between(char c);
  void take_payload(char c);
  void take_plain(std::string_view& bytes);
  PacketEvent finish(int low_digit);

  State state_ = State::kBetween;
  std::string payload_;
  std::size_t wire_size_ = 0;
  std::uint8_t sum_ = 0;
  int high_digit_ = 0;
};

/// `payload` as it goes over the wire: escaped (# $ } *), run-length encoded, with its checksum.
/// `mark` is `%` for a notification.
std::string frame(std::string_view payload, char mark = '$');

/// How many bytes of `data` fit into `budget` bytes once they are escaped.
std::size_t escaped_fit(std::string_view data, std::size_t budget);

}  // namespace gdb
