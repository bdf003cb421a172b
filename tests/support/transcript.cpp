#include "tests/support/transcript.hpp"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <limits>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <vector>

#include "gdbstub/hex.hpp"

namespace gdb::test {
namespace {

constexpr std::size_t kWhole = std::numeric_limits<std::size_t>::max();
constexpr std::size_t kBytewise = kWhole - 1;

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  for (Fields fields(text); !fields.done();) {
    std::string_view line = fields.until('\n');
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

std::uint8_t checksum(std::string_view body) {
  return static_cast<std::uint8_t>(std::accumulate(
      body.begin(), body.end(), 0U, [](unsigned sum, char c) { return sum + static_cast<std::uint8_t>(c); }));
}

// One play: `cut` says where the bytes to the stub are cut.
class Player {
 public:
  Player(const Play& around, std::size_t cut)
      : around_(around), cut_(cut), target_(around.shape), session_(prepared(), sender(), around.line) {}

  void line(std::string_view text) {
    if (take(text, "→→ ")) return send(unescape_text(text));
    if (take(text, "→ ") || take(text, "→")) return packet(unescape_text(text));
    if (take(text, "←← ")) return expect_bytes(unescape_text(text));
    if (take(text, "← ") || take(text, "←")) return expect_packet(unescape_text(text));
    if (take(text, "* ")) return act(text);
    throw std::runtime_error("not a transcript line");
  }

  void finish() {
    expect_silence();
    around_.check(target_);
  }

  std::size_t sent() const { return sent_; }

 private:
  static bool take(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
  }

  FakeTarget& prepared() {
    around_.prepare(target_);
    return target_;
  }
  Session::Send sender() {
    return [this](std::string bytes) { output_ += bytes; };
  }

  void act(std::string_view name) {
    expect_silence();
    const auto action = around_.actions.find(name);
    if (action == around_.actions.end()) throw std::runtime_error("no such action");
    action->second(target_);
  }

  void send(std::string_view bytes) {
    expect_silence();
    while (!bytes.empty()) {
      std::size_t size = bytes.size();
      if (cut_ == kBytewise) size = 1;
      if (cut_ > sent_) size = std::min(size, cut_ - sent_);
      session_.receive(bytes.substr(0, size));
      bytes.remove_prefix(size);
      sent_ += size;
    }
  }

  void packet(std::string_view payload) {
    send(request(payload));
    if (acks_) expect_bytes("+");
    if (payload == "QStartNoAckMode") ends_acks_ = true;
  }

  void expect_packet(std::string_view payload) {
    const auto got = take_packet(output_);
    if (!got) throw std::runtime_error(fmt::format("no packet; sent was \"{}\"", output_));
    if (*got != payload) throw std::runtime_error(fmt::format("the packet was \"{}\"", *got));
    if (acks_) session_.receive("+");
    if (std::exchange(ends_acks_, false)) acks_ = false;
  }

  void expect_bytes(std::string_view bytes) {
    if (!output_.starts_with(bytes)) throw std::runtime_error(fmt::format("sent was \"{}\"", output_));
    output_.erase(0, bytes.size());
    if (bytes == "+") acks_ = true;  // also when a new debugger on a serial line turns them on again
  }

  void expect_silence() const {
    if (!output_.empty()) throw std::runtime_error(fmt::format("unexpected before this line: \"{}\"", output_));
  }

  const Play& around_;
  std::size_t cut_;
  std::string output_;
  std::size_t sent_ = 0;
  bool acks_ = true;
  bool ends_acks_ = false;
  FakeTarget target_;
  Session session_;
};

std::size_t play_once(const std::vector<std::string_view>& lines, const Play& around, std::size_t cut) {
  Player player(around, cut);
  std::string_view at;
  try {
    for (const auto line : lines) {
      at = line;
      player.line(line);
    }
    at = "the end";
    player.finish();
  } catch (const std::runtime_error& error) {
    FAIL("at \"" << at << "\": " << error.what() << " (cut " << static_cast<std::ptrdiff_t>(cut) << ")");
  }
  return player.sent();
}

}  // namespace

void play(std::string_view transcript, const Play& around) {
  const auto lines = lines_of(transcript);
  const std::size_t size = play_once(lines, around, kWhole);
  play_once(lines, around, kBytewise);
  for (std::size_t cut = 1; cut < size; ++cut) play_once(lines, around, cut);
  SUCCEED();
}

std::string request(std::string_view payload) { return fmt::format("${}#{:02x}", payload, checksum(payload)); }

std::optional<std::string> take_packet(std::string& bytes) {
  const std::size_t hash = bytes.find('#');
  if (!bytes.starts_with('$') || hash == std::string::npos || bytes.size() < hash + 3) return std::nullopt;
  const std::string body = bytes.substr(1, hash - 1);
  const std::string sum_text = bytes.substr(hash + 1, 2);
  bytes.erase(0, hash + 3);
  if (fmt::format("{:02x}", checksum(body)) != sum_text) throw std::runtime_error("a packet with a bad checksum");
  std::string expanded;
  for (std::size_t i = 0; i < body.size(); ++i) {
    if (body[i] == '*') {
      const char mark = body.at(++i);
      if (mark < ' ' || mark > '~' || expanded.empty()) throw std::runtime_error("a bad run length");
      expanded.append(static_cast<std::size_t>(mark - 29), expanded.back());
    } else {
      expanded += body[i];
    }
  }
  std::string payload;
  for (std::size_t i = 0; i < expanded.size(); ++i) {
    payload += expanded[i] == '}' ? static_cast<char>(expanded.at(++i) ^ 0x20) : expanded[i];
  }
  return payload;
}

std::string unescape_text(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("\\x") && i + 3 < text.size()) {
      out += static_cast<char>(hex_digit(text[i + 2]) << 4 | hex_digit(text[i + 3]));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace gdb::test
