/// Hexadecimal text ⇄ bytes and numbers, as the Remote Serial Protocol writes them: two digits a byte, numbers
/// most significant digit first without "0x". Nothing here throws on any input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gdb {

/// 0 … 15, or -1 when `c` is no hexadecimal digit.
int hex_digit(char c);

/// Lower-case digits: a reply that begins with a capital E is always an error.
void append_hex(std::string& out, std::span<const std::byte> bytes);
std::string hex_of_text(std::string_view text);
/// Without leading zeros; "0" for 0.
std::string hex_of_number(std::uint64_t number);

/// Empty when the length is odd or a character is no digit.
std::optional<std::vector<std::byte>> bytes_of_hex(std::string_view text);

/// A packet's arguments, eaten from the left.
class Fields {
 public:
  explicit Fields(std::string_view text) : rest_(text) {}

  /// One to 16 significant digits; empty, and nothing eaten, when there are none or too many.
  std::optional<std::uint64_t> number();
  /// Eats `c` when it is next.
  bool skip(char c);
  /// Everything before the next `c`, which is eaten too; all that is left when there is no `c`.
  std::string_view until(char c);
  std::string_view rest() const { return rest_; }
  bool done() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

}  // namespace gdb
