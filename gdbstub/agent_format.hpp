/// The format of an agent expression's printf (GDB manual, printf (0x34)): parsed once, printed at every hit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gdbstub/agent_expression.hpp"

namespace gdb {

/// One piece of a printf: literal text, then what to do with the next argument.
struct AgentFormatPiece {
  enum class Argument : std::uint8_t { kNone, kSigned, kUnsigned, kCharacter, kString, kPointer };
  std::string text;
  Argument argument = Argument::kNone;
  std::string conversion{};             ///< for snprintf, of an int, (unsigned) long long or const char*
  unsigned bits = 64;                   ///< of the argument, that count
  std::size_t limit = kMaxAgentString;  ///< of a string's bytes
};

class AgentFormat {
 public:
  /// Takes a format that wants so many arguments, or says in a sentence what is wrong with it.
  static std::expected<AgentFormat, std::string> parse(std::string_view source, std::uint64_t arguments);

  std::size_t arguments() const { return pieces_.size() - 1; }
  /// The text for arguments() values, at most `room` bytes; strings are read from `machine`. The error is a sentence.
  std::expected<std::string, std::string> print(AgentMachine& machine, std::span<const std::uint64_t> values,
                                                std::size_t room) const;

 private:
  explicit AgentFormat(std::vector<AgentFormatPiece> pieces) : pieces_(std::move(pieces)) {}

  std::vector<AgentFormatPiece> pieces_;  // behind each argument comes a last or literal piece
};

}  // namespace gdb
