#include "gdbstub/agent_format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>

#include "gdbstub/agent_common.hpp"

namespace gdb {
namespace {

using Piece = AgentFormatPiece;

/// gdb sends the format as it stands in the command (GDB manual, printf (0x34)); these are the escapes it knows.
std::expected<std::string, std::string> unescape(std::string_view source) {
  static constexpr std::string_view kLetters = "\\abefnrtv\"";
  static constexpr std::string_view kMeanings = "\\\a\b\x1b\f\n\r\t\v\"";
  std::string text;
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\\') {
      text += source[i];
      continue;
    }
    const std::size_t which = ++i < source.size() ? kLetters.find(source[i]) : std::string_view::npos;
    if (which == std::string_view::npos) return refuse("an escape in the format that isn't one");
    text += kMeanings[which];
  }
  return text;
}

struct Conversion {
  char letter;
  Piece::Argument argument;
  std::string_view flags;
  bool length;
  bool precision;
};
constexpr std::array<Conversion, 9> kConversions{{
    {'d', Piece::Argument::kSigned, "-+ 0'", true, true},
    {'i', Piece::Argument::kSigned, "-+ 0'", true, true},
    {'u', Piece::Argument::kUnsigned, "-0'", true, true},
    {'o', Piece::Argument::kUnsigned, "-0#", true, true},
    {'x', Piece::Argument::kUnsigned, "-0#", true, true},
    {'X', Piece::Argument::kUnsigned, "-0#", true, true},
    {'c', Piece::Argument::kCharacter, "-", false, false},
    {'s', Piece::Argument::kString, "-", false, true},
    {'p', Piece::Argument::kPointer, "-", false, false},
}};

struct Length {
  std::string_view letters;
  unsigned bits;
};
// The first that matches is it. long has 64 bits, as in 64-bit System V code.
constexpr std::array<Length, 8> kLengths{
    {{"hh", 8}, {"h", 16}, {"ll", 64}, {"l", 64}, {"z", 64}, {"j", 64}, {"t", 64}, {"", 32}}};

std::string_view eat(std::string_view& text, std::string_view characters) {
  const std::string_view eaten = text.substr(0, std::min(text.find_first_not_of(characters), text.size()));
  text.remove_prefix(eaten.size());
  return eaten;
}

/// No digits mean 0; too large a number becomes one above kMaxAgentString.
std::size_t number_of(std::string_view digits) {
  std::size_t number = 0;
  for (const char digit : digits)
    number = std::min(number * 10 + static_cast<std::size_t>(digit - '0'), kMaxAgentString + 1);
  return number;
}

/// What stands behind a %, eaten from `rest`, becomes `piece`'s argument.
std::expected<void, std::string> parse_conversion(std::string_view& rest, Piece& piece) {
  static constexpr std::string_view kDigits = "0123456789";
  const std::string_view flags = eat(rest, "-+ #0'");
  const std::size_t width = number_of(eat(rest, kDigits));
  std::optional<std::size_t> precision;
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    precision = number_of(eat(rest, kDigits));
  }
  const auto length = *std::ranges::find_if(kLengths, [&](const Length& l) { return rest.starts_with(l.letters); });
  rest.remove_prefix(length.letters.size());
  const char letter = rest.empty() ? '\0' : rest.front();
  const auto* row = std::ranges::find(kConversions, letter, &Conversion::letter);
  if (rest.empty()) return refuse("a conversion in the format is cut off");
  if (row == kConversions.end())
    return refuse(letter > ' ' && letter <= '~' ? fmt::format("the target can't print %{}", letter)
                                                : std::string("a conversion in the format isn't one"));
  rest.remove_prefix(1);
  if (flags.find_first_not_of(row->flags) != std::string_view::npos || (precision && !row->precision) ||
      (!length.letters.empty() && !row->length))
    return refuse(fmt::format("%{} has a flag, precision or length that it can't have", letter));
  if (width > kMaxAgentString || precision.value_or(0) > kMaxAgentString)
    return refuse(fmt::format("%{} is wider than {} characters", letter, kMaxAgentString));

  const bool number = row->argument == Piece::Argument::kSigned || row->argument == Piece::Argument::kUnsigned;
  piece.argument = row->argument;
  if (number) piece.bits = length.bits;
  if (row->argument == Piece::Argument::kString) piece.limit = precision.value_or(kMaxAgentString);
  piece.conversion = fmt::format("%{}", flags);
  if (width != 0) piece.conversion += fmt::to_string(width);
  if (precision) piece.conversion += fmt::format(".{}", *precision);
  piece.conversion += number ? fmt::format("ll{}", letter) : letter == 'c' ? "c" : "s";
  return {};
}

/// The bytes before the first zero, at most `limit`.
std::expected<std::string, std::string> guest_string(AgentMachine& machine, std::uint64_t address, std::size_t limit) {
  // Aligned portions: none has bytes of a page behind the string's end.
  constexpr std::size_t kPortion = 128;
  std::string text;
  while (text.size() < limit) {
    std::array<char, kPortion> bytes{};
    const auto portion = std::span(bytes).first(std::min(kPortion - address % kPortion, limit - text.size()));
    if (!machine.read(address, std::as_writable_bytes(portion))) return refuse_memory(address);
    const auto end = std::ranges::find(portion, '\0');
    text.append(portion.begin(), end);
    if (end != portion.end()) break;
    address += portion.size();
  }
  return text;
}

template <typename T>
std::string convert(const std::string& conversion, T value) {
  std::array<char, kMaxAgentString + 8> buffer;  // the longest: a sign or 0x, then a full precision
  const int size = std::snprintf(buffer.data(), buffer.size(), conversion.c_str(), value);
  return std::string(buffer.data(), std::min(static_cast<std::size_t>(std::max(size, 0)), buffer.size() - 1));
}

std::expected<std::string, std::string> argument_text(AgentMachine& machine, const Piece& piece, std::uint64_t value) {
  switch (piece.argument) {
    case Piece::Argument::kNone: break;
    case Piece::Argument::kSigned:
      return convert(piece.conversion, static_cast<long long>(sign_extend(value, piece.bits)));
    case Piece::Argument::kUnsigned:
      return convert(piece.conversion, static_cast<unsigned long long>(zero_extend(value, piece.bits)));
    case Piece::Argument::kCharacter: return convert(piece.conversion, static_cast<int>(value & 0xff));
    // Null pointers as gdb's own printf shows them.
    case Piece::Argument::kString: {
      const auto string = value == 0 ? "(null)" : guest_string(machine, value, piece.limit);
      if (!string) return string;
      return convert(piece.conversion, string->c_str());
    }
    case Piece::Argument::kPointer: {
      const std::string pointer = value == 0 ? "(nil)" : fmt::format("{:#x}", value);
      return convert(piece.conversion, pointer.c_str());
    }
  }
  return std::string();
}

}  // namespace

std::expected<AgentFormat, std::string> AgentFormat::parse(std::string_view source, std::uint64_t arguments) {
  const auto text = unescape(source);
  if (!text) return refuse(text.error());
  std::vector<Piece> pieces(1);
  for (std::string_view rest = *text; !rest.empty();) {
    Piece& piece = pieces.back();
    piece.text += rest.substr(0, rest.find('%'));
    rest.remove_prefix(std::min(rest.find('%'), rest.size()));
    if (rest.empty()) break;
    rest.remove_prefix(1);
    if (rest.starts_with('%')) {
      piece.text += '%';
      rest.remove_prefix(1);
      continue;
    }
    if (const auto parsed = parse_conversion(rest, piece); !parsed) return refuse(parsed.error());
    pieces.emplace_back();
  }
  AgentFormat format(std::move(pieces));
  if (format.arguments() != arguments)
    return refuse(fmt::format("the format wants {} arguments and has {}", format.arguments(), arguments));
  return format;
}

std::expected<std::string, std::string> AgentFormat::print(AgentMachine& machine, std::span<const std::uint64_t> values,
                                                           std::size_t room) const {
  std::string text;
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    text += pieces_[i].text;
    if (i < values.size()) {
      const auto argument = argument_text(machine, pieces_[i], values[i]);
      if (!argument) return argument;
      text += *argument;
    }
    if (text.size() > room) return refuse(fmt::format("more than {} bytes to print", kMaxAgentText));
  }
  return text;
}

}  // namespace gdb
