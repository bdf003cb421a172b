/// Protocol tests as transcripts. A line is
///   → PAYLOAD   gdb sends a packet; while acks are on, a `+` is expected and skipped
///   ← PAYLOAD   the packet expected next, after RLE and escapes are undone; it is acknowledged while acks are on
///   →→ BYTES    gdb sends these bytes as they are
///   ←← BYTES    these bytes are expected next
///   * NAME      the action of that name is called
/// Anything may contain \xNN. Nothing but what is expected may have been sent when the next line begins, nor at the
/// end. A transcript is played whole, byte by byte, and cut in two at every byte.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "gdbstub/session.hpp"
#include "tests/support/fake_target.hpp"

namespace gdb::test {

/// What happens around a transcript. Each is called once in every play, with that play's target.
struct Play {
  x86::Shape shape = x86::Shape::kX86_64;
  Session::Line line = Session::Line::kConnection;
  std::function<void(FakeTarget&)> prepare = [](FakeTarget&) {};
  std::map<std::string, std::function<void(FakeTarget&)>, std::less<>> actions = {};
  std::function<void(FakeTarget&)> check = [](FakeTarget&) {};
};

/// Fails the Catch2 test at the first line that is not as expected.
void play(std::string_view transcript, const Play& around = {});

/// `payload` as gdb sends it: with its checksum, and without the run lengths and escapes of our replies.
std::string request(std::string_view payload);

/// Takes the first packet from the left of `bytes`: checksum verified, RLE and escapes undone. Empty and nothing taken
/// when there is none.
std::optional<std::string> take_packet(std::string& bytes);

/// \xNN → the byte.
std::string unescape_text(std::string_view text);

}  // namespace gdb::test
