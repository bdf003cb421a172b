/// The keys of a PC keyboard with 102 keys and a US layout: by QEMU's names, and by the characters they type.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vmm {

/// A key's make code in scan code set 1; 0xe0 in the upper byte for those that have that prefix. kPause is a sequence.
using KeyCode = std::uint16_t;
inline constexpr KeyCode kPause = 0xe11d;

/// Keys that are pressed in this order and let go in the reverse one.
using Chord = std::vector<KeyCode>;

/// `ctrl-alt-delete`, `shift-a`, `ret`, `0x1c`. Throws HostError that says what is unknown.
Chord chord_named(std::string_view text);

/// What a person presses for these bytes of a terminal: ASCII, control characters, and the sequences that a terminal
/// sends for arrow and function keys. What no key types (UTF-8) is left out.
std::vector<Chord> chords_typing(std::span<const std::byte> typed);

/// The bytes of pressing and letting go, in set 1 or 2.
std::vector<std::uint8_t> scan_codes(std::span<const KeyCode> chord, unsigned set);

}  // namespace vmm
