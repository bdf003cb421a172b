/// gdb's agent expressions: the bytecode to which gdb compiles a breakpoint's condition or a dprintf, so that the
/// target evaluates it without a packet (GDB manual, appendix "The GDB Agent Expression Mechanism").
///
/// Bytecode is verified once, when it is planted, and then evaluated at every hit. Values are 64 bits wide; add, sub,
/// mul and the quotient INT64_MIN / -1 wrap; a shift by 64 or more leaves zeros, or copies of the sign.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace gdb {

/// What an agent expression sees of the stopped CPU; made by its owner for the time of one evaluation.
class AgentMachine {
 public:
  virtual ~AgentMachine() = default;
  /// The low 64 bits, zero extended; empty when the register can't be read. `number` < AgentShape::registers.
  virtual std::optional<std::uint64_t> register_value(unsigned number) = 0;
  /// Reads all of `out` from a linear address, or returns false.
  virtual bool read(std::uint64_t address, std::span<std::byte> out) = 0;
  /// The finished text of one printf; at most kMaxAgentText bytes in one evaluation.
  virtual void print(std::string_view text) = 0;
  /// gdb's trace state variables (`tvariable $n`), 0 until they are set; `number` < AgentShape::state_variables.
  virtual std::uint64_t state_variable(unsigned /*number*/) { return 0; }
  virtual void set_state_variable(unsigned /*number*/, std::uint64_t /*value*/) {}
};

/// What every AgentMachine of a target has.
struct AgentShape {
  unsigned registers = 0;        ///< of the target description
  unsigned state_variables = 0;  ///< gdb counts them from 1; 0 when the machine doesn't override their functions
};

enum class AgentUse : std::uint8_t {
  kCondition,  ///< `;X` of a Z packet: leaves a value
  kCommand,    ///< `;cmds`: may leave none
};

inline constexpr std::size_t kMaxAgentStack = 256;    ///< values
inline constexpr unsigned kMaxAgentSteps = 10'000;    ///< instructions in one evaluation
inline constexpr std::size_t kMaxAgentString = 4096;  ///< bytes of a %s, a field width or a precision
inline constexpr std::size_t kMaxAgentText = 65'536;  ///< bytes that one evaluation prints

struct AgentProgram;

/// Verified bytecode. A copy shares it; threads may evaluate the same one at once, each with its own machine.
class AgentExpression {
 public:
  /// Takes bytecode that can do no harm, or says in a sentence why not: an opcode that is unknown or that the manual
  /// leaves without a meaning (floating point), an operand cut off, a register or variable that isn't there, a jump
  /// into the middle of an instruction, a stack that underflows, grows above kMaxAgentStack or differs from way to way,
  /// no `end`, a condition without a value, a printf with a bad format or other arguments than the format wants.
  static std::expected<AgentExpression, std::string> verify(std::span<const std::byte> code, AgentUse use,
                                                            const AgentShape& shape);

  /// The value on top of the stack at `end`; 0 when a command leaves none. An error is a sentence for the user:
  /// division by zero, memory (with its address) or a register that can't be read, too many steps, too much text. What
  /// was printed and set before it stays. The trace opcodes record nothing: there is no trace buffer.
  std::expected<std::uint64_t, std::string> evaluate(AgentMachine& machine) const;

 private:
  explicit AgentExpression(std::shared_ptr<const AgentProgram> program) : program_(std::move(program)) {}

  std::shared_ptr<const AgentProgram> program_;
};

}  // namespace gdb
