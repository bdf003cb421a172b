#include "vmm/devices/keys.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "vmm/base/errors.hpp"
#include "vmm/base/number.hpp"

namespace vmm {
namespace {

struct KeyRow {
  std::string_view name;
  KeyCode code;
  char plain = 0;    ///< what it types
  char shifted = 0;  ///< with shift
};

constexpr KeyRow kKeys[] = {
    {"esc", 0x01, '\x1b'},
    {"1", 0x02, '1', '!'},
    {"2", 0x03, '2', '@'},
    {"3", 0x04, '3', '#'},
    {"4", 0x05, '4', '$'},
    {"5", 0x06, '5', '%'},
    {"6", 0x07, '6', '^'},
    {"7", 0x08, '7', '&'},
    {"8", 0x09, '8', '*'},
    {"9", 0x0a, '9', '('},
    {"0", 0x0b, '0', ')'},
    {"minus", 0x0c, '-', '_'},
    {"equal", 0x0d, '=', '+'},
    {"backspace", 0x0e, '\x7f'},
    {"tab", 0x0f, '\t'},
    {"q", 0x10, 'q', 'Q'},
    {"w", 0x11, 'w', 'W'},
    {"e", 0x12, 'e', 'E'},
    {"r", 0x13, 'r', 'R'},
    {"t", 0x14, 't', 'T'},
    {"y", 0x15, 'y', 'Y'},
    {"u", 0x16, 'u', 'U'},
    {"i", 0x17, 'i', 'I'},
    {"o", 0x18, 'o', 'O'},
    {"p", 0x19, 'p', 'P'},
    {"bracket_left", 0x1a, '[', '{'},
    {"bracket_right", 0x1b, ']', '}'},
    {"ret", 0x1c, '\r'},
    {"ctrl", 0x1d},
    {"a", 0x1e, 'a', 'A'},
    {"s", 0x1f, 's', 'S'},
    {"d", 0x20, 'd', 'D'},
    {"f", 0x21, 'f', 'F'},
    {"g", 0x22, 'g', 'G'},
    {"h", 0x23, 'h', 'H'},
    {"j", 0x24, 'j', 'J'},
    {"k", 0x25, 'k', 'K'},
    {"l", 0x26, 'l', 'L'},
    {"semicolon", 0x27, ';', ':'},
    {"apostrophe", 0x28, '\'', '"'},
    {"grave_accent", 0x29, '`', '~'},
    {"shift", 0x2a},
    {"backslash", 0x2b, '\\', '|'},
    {"z", 0x2c, 'z', 'Z'},
    {"x", 0x2d, 'x', 'X'},
    {"c", 0x2e, 'c', 'C'},
    {"v", 0x2f, 'v', 'V'},
    {"b", 0x30, 'b', 'B'},
    {"n", 0x31, 'n', 'N'},
    {"m", 0x32, 'm', 'M'},
    {"comma", 0x33, ',', '<'},
    {"dot", 0x34, '.', '>'},
    {"slash", 0x35, '/', '?'},
    {"shift_r", 0x36},
    {"kp_multiply", 0x37},
    {"asterisk", 0x37},
    {"alt", 0x38},
    {"spc", 0x39, ' '},
    {"caps_lock", 0x3a},
    {"f1", 0x3b},
    {"f2", 0x3c},
    {"f3", 0x3d},
    {"f4", 0x3e},
    {"f5", 0x3f},
    {"f6", 0x40},
    {"f7", 0x41},
    {"f8", 0x42},
    {"f9", 0x43},
    {"f10", 0x44},
    {"num_lock", 0x45},
    {"scroll_lock", 0x46},
    {"kp_7", 0x47},
    {"kp_8", 0x48},
    {"kp_9", 0x49},
    {"kp_subtract", 0x4a},
    {"kp_4", 0x4b},
    {"kp_5", 0x4c},
    {"kp_6", 0x4d},
    {"kp_add", 0x4e},
    {"kp_1", 0x4f},
    {"kp_2", 0x50},
    {"kp_3", 0x51},
    {"kp_0", 0x52},
    {"kp_decimal", 0x53},
    {"sysrq", 0x54},
    {"less", 0x56},
    {"f11", 0x57},
    {"f12", 0x58},
    {"kp_enter", 0xe01c},
    {"ctrl_r", 0xe01d},
    {"kp_divide", 0xe035},
    {"print", 0xe037},
    {"alt_r", 0xe038},
    {"home", 0xe047},
    {"up", 0xe048},
    {"pgup", 0xe049},
    {"left", 0xe04b},
    {"right", 0xe04d},
    {"end", 0xe04f},
    {"down", 0xe050},
    {"pgdn", 0xe051},
    {"insert", 0xe052},
    {"delete", 0xe053},
    {"meta_l", 0xe05b},
    {"meta_r", 0xe05c},
    {"menu", 0xe05d},
    {"pause", kPause},
};
constexpr KeyCode kCtrl = 0x1d;
constexpr KeyCode kShift = 0x2a;
constexpr KeyCode kAlt = 0x38;

/// What follows "ESC [" or "ESC O" (xterm, Control Sequences: PC-Style Function Keys).
struct SequenceRow {
  std::string_view text;
  std::string_view key;
};
constexpr SequenceRow kSequences[] = {
    {"A", "up"},   {"B", "down"},    {"C", "right"},   {"D", "left"},  {"H", "home"},  {"F", "end"},   {"1~", "home"},
    {"4~", "end"}, {"2~", "insert"}, {"3~", "delete"}, {"5~", "pgup"}, {"6~", "pgdn"}, {"P", "f1"},    {"Q", "f2"},
    {"R", "f3"},   {"S", "f4"},      {"11~", "f1"},    {"12~", "f2"},  {"13~", "f3"},  {"14~", "f4"},  {"15~", "f5"},
    {"17~", "f6"}, {"18~", "f7"},    {"19~", "f8"},    {"20~", "f9"},  {"21~", "f10"}, {"23~", "f11"}, {"24~", "f12"},
};

/// Set 1 to set 2: the inverse of what the keyboard controller does. 0: no such key.
constexpr std::array<std::uint8_t, 0x60> kSet2 = {
    0x00, 0x76, 0x16, 0x1e, 0x26, 0x25, 0x2e, 0x36, 0x3d, 0x3e, 0x46, 0x45, 0x4e, 0x55, 0x66, 0x0d,  // 00
    0x15, 0x1d, 0x24, 0x2d, 0x2c, 0x35, 0x3c, 0x43, 0x44, 0x4d, 0x54, 0x5b, 0x5a, 0x14, 0x1c, 0x1b,  // 10
    0x23, 0x2b, 0x34, 0x33, 0x3b, 0x42, 0x4b, 0x4c, 0x52, 0x0e, 0x12, 0x5d, 0x1a, 0x22, 0x21, 0x2a,  // 20
    0x32, 0x31, 0x3a, 0x41, 0x49, 0x4a, 0x59, 0x7c, 0x11, 0x29, 0x58, 0x05, 0x06, 0x04, 0x0c, 0x03,  // 30
    0x0b, 0x83, 0x0a, 0x01, 0x09, 0x77, 0x7e, 0x6c, 0x75, 0x7d, 0x7b, 0x6b, 0x73, 0x74, 0x79, 0x69,  // 40
    0x72, 0x7a, 0x70, 0x71, 0x84, 0x00, 0x61, 0x78, 0x07, 0x00, 0x00, 0x1f, 0x27, 0x2f, 0x00, 0x00,  // 50
};
constexpr std::uint8_t kBreak = 0x80;

std::optional<KeyCode> key_named(std::string_view name) {
  const auto* row = std::ranges::find(kKeys, name, &KeyRow::name);
  if (row != std::end(kKeys)) return row->code;
  const auto code = name.starts_with("0x") ? number_of(name) : std::nullopt;
  const bool known = code && std::ranges::find(kKeys, *code, &KeyRow::code) != std::end(kKeys);
  return known ? std::optional(static_cast<KeyCode>(*code)) : std::nullopt;
}

std::optional<Chord> chord_of(char character) {
  if (character == '\n') character = '\r';
  for (const KeyRow& row : kKeys) {
    if (row.plain != 0 && row.plain == character) return Chord{row.code};
    if (row.shifted != 0 && row.shifted == character) return Chord{kShift, row.code};
  }
  const auto letter = static_cast<char>(character | 0x60);  // a control character
  if (character > 0 && character < ' ' && letter >= 'a' && letter <= 'z') {
    return Chord{kCtrl, *key_named(std::string_view(&letter, 1))};
  }
  return std::nullopt;
}

/// Takes a whole sequence from the front of `text`, which begins behind its ESC.
std::optional<Chord> take_sequence(std::string_view& text) {
  if (!text.starts_with('[') && !text.starts_with('O')) return std::nullopt;
  for (const SequenceRow& row : kSequences) {
    if (!text.substr(1).starts_with(row.text)) continue;
    text.remove_prefix(1 + row.text.size());
    return Chord{*key_named(row.key)};
  }
  return std::nullopt;
}

void append(std::vector<std::uint8_t>& bytes, unsigned set, std::uint8_t code) {
  if (set == 1 || code >= 0xe0) return bytes.push_back(code);
  constexpr std::uint8_t kSet2Break = 0xf0;
  if (code & kBreak) bytes.push_back(kSet2Break);
  bytes.push_back(kSet2[(code & ~kBreak) % kSet2.size()]);
}

}  // namespace

Chord chord_named(std::string_view text) {
  Chord chord;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find('-', at), text.size());
    const auto name = text.substr(at, end - at);
    const auto code = key_named(name);
    if (!code) {
      throw HostError(
          fmt::format("`{}` is no key: say such as a, shift-a, 1, ret, spc, esc, minus, f1, up or "
                      "ctrl-alt-delete, with QEMU's names",
                      name));
    }
    chord.push_back(*code);
    at = end + 1;
  }
  return chord;
}

std::vector<Chord> chords_typing(std::span<const std::byte> typed) {
  std::string_view text(reinterpret_cast<const char*>(typed.data()), typed.size());
  std::vector<Chord> chords;
  while (!text.empty()) {
    const char character = text.front();
    text.remove_prefix(1);
    if (character == '\x1b' && !text.empty()) {
      if (auto chord = take_sequence(text)) {
        chords.push_back(std::move(*chord));
        continue;
      }
      if (auto chord = chord_of(text.front()); chord && text.front() != '\x1b') {  // Alt and a key
        chord->insert(chord->begin(), kAlt);
        chords.push_back(std::move(*chord));
        text.remove_prefix(1);
        continue;
      }
    }
    if (auto chord = chord_of(character)) chords.push_back(std::move(*chord));
  }
  return chords;
}

std::vector<std::uint8_t> scan_codes(std::span<const KeyCode> chord, unsigned set) {
  std::vector<std::uint8_t> bytes;
  const auto put = [&](KeyCode code, std::uint8_t release) {
    if (code > 0xff) append(bytes, set, static_cast<std::uint8_t>(code >> 8));
    append(bytes, set, static_cast<std::uint8_t>(code | release));
  };
  for (const KeyCode code : chord) {
    put(code, 0);
    if (code != kPause) continue;  // makes and breaks at once
    append(bytes, set, 0x45);
    put(code, kBreak);
    append(bytes, set, 0x45 | kBreak);
  }
  for (std::size_t i = chord.size(); i-- > 0;) {
    if (chord[i] != kPause) put(chord[i], kBreak);
  }
  return bytes;
}

}  // namespace vmm
