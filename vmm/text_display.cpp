#include "vmm/text_display.hpp"

#include <chrono>
#include <string_view>
#include <utility>

namespace vmm {
namespace {

constexpr std::chrono::milliseconds kInterval{50};
// Chords: more than somebody types or pastes. What is beyond is lost, as in a keyboard; else a guest that reads no keys
// would keep Ctrl-A x from us, too.
constexpr std::size_t kMostKeys = 64 * 1024;

}  // namespace

TextDisplay::TextDisplay(boost::asio::io_context& io, std::function<Machine&()> machine, std::function<void()> on_quit)
    : machine_(std::move(machine)), terminal_(io, {.kind = ConsoleSpec::Kind::kStdio}), timer_(io) {
  terminal_.start({.accepting = {},
                   .on_input = [this](auto bytes) { typed(bytes); },
                   .on_ready = {},
                   .on_quit = std::move(on_quit)});
  tick();
}

TextDisplay::~TextDisplay() {
  constexpr std::string_view kBelowTheScreen = "\x1b[0m\x1b[?25h\x1b[25;1H\n";
  terminal_.write(std::as_bytes(std::span(kBelowTheScreen)));
}

void TextDisplay::tick() {
  if (terminal_.ready()) show();
  send_keys();
  timer_.expires_after(kInterval);
  timer_.async_wait([this](auto error) {
    if (!error) tick();
  });
}

void TextDisplay::show() {
  Screen now = machine_().screen();
  const std::string update = screen_update(shown_ ? &*shown_ : nullptr, now);
  if (!update.empty()) terminal_.write(std::as_bytes(std::span(update)));
  shown_ = std::move(now);
}

void TextDisplay::typed(std::span<const std::byte> bytes) {
  for (Chord& chord : chords_typing(bytes)) {
    if (keys_.size() < kMostKeys) keys_.push_back(std::move(chord));
  }
  send_keys();
}

void TextDisplay::send_keys() {
  while (!keys_.empty() && machine_().type(keys_.front()) != I8042::Typed::kFull) keys_.pop_front();
}

}  // namespace vmm
