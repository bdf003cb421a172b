#include "gdbstub/agent_expression.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "gdbstub/agent_common.hpp"
#include "gdbstub/agent_format.hpp"

namespace gdb {
namespace {

struct Instruction {
  std::uint8_t opcode = 0;
  std::size_t offset = 0;     ///< in the bytecode
  std::uint64_t operand = 0;  ///< of a jump: an instruction's index; of printf: a format's index
};

}  // namespace

struct AgentProgram {
  std::vector<Instruction> code;
  std::vector<AgentFormat> formats;
};

namespace {

// --- evaluation ------------------------------------------------------------------------------------------------------

/// One run of verified code: nothing here checks the stack.
struct Evaluation {
  Evaluation(const AgentProgram& of, AgentMachine& on) : program(of), machine(on) {}

  const AgentProgram& program;
  AgentMachine& machine;
  std::size_t next = 0;
  std::size_t depth = 0;
  std::size_t printed = 0;
  std::optional<std::expected<std::uint64_t, std::string>> result;
  std::array<std::uint64_t, kMaxAgentStack> stack;

  void push(std::uint64_t value) { stack[depth++] = value; }
  std::uint64_t pop() { return stack[--depth]; }
  std::uint64_t& top(std::size_t below = 0) { return stack[depth - 1 - below]; }
  void fail(std::string sentence) { result = refuse(std::move(sentence)); }
};

using Run = void (*)(Evaluation&, std::uint64_t operand);

template <auto kFunction>
void unary(Evaluation& e, std::uint64_t) {
  e.top() = kFunction(e.top());
}

template <auto kFunction>
void binary(Evaluation& e, std::uint64_t) {
  const std::uint64_t b = e.pop();
  e.top() = kFunction(e.top(), b);
}

template <auto kFunction>
void divide(Evaluation& e, std::uint64_t operand) {
  if (e.top() == 0) return e.fail("division by zero");
  binary<kFunction>(e, operand);
}

template <std::size_t kBytes>
void fetch(Evaluation& e, std::uint64_t) {
  std::array<std::byte, kBytes> bytes{};
  if (!e.machine.read(e.top(), bytes)) return e.fail(refuse_memory(e.top()).error());
  std::uint64_t value = 0;
  for (std::size_t i = kBytes; i-- > 0;) value = value << 8 | std::to_integer<std::uint64_t>(bytes[i]);
  e.top() = value;
}

template <std::size_t kCount>
void drop(Evaluation& e, std::uint64_t) {
  e.depth -= kCount;
}

void nothing(Evaluation&, std::uint64_t) {}

std::int64_t as_signed(std::uint64_t value) { return static_cast<std::int64_t>(value); }

std::uint64_t divide_signed(std::uint64_t a, std::uint64_t b) {
  return as_signed(b) == -1 ? 0 - a : static_cast<std::uint64_t>(as_signed(a) / as_signed(b));
}

std::uint64_t remainder_signed(std::uint64_t a, std::uint64_t b) {
  return as_signed(b) == -1 ? 0 : static_cast<std::uint64_t>(as_signed(a) % as_signed(b));
}

std::uint64_t shift_right_signed(std::uint64_t a, std::uint64_t b) {
  return static_cast<std::uint64_t>(as_signed(a) >> std::min<std::uint64_t>(b, 63));
}

void push_register(Evaluation& e, std::uint64_t number) {
  const auto value = e.machine.register_value(static_cast<unsigned>(number));
  if (!value) return e.fail(fmt::format("register {} can't be read", number));
  e.push(*value);
}

void push_variable(Evaluation& e, std::uint64_t number) {
  e.push(e.machine.state_variable(static_cast<unsigned>(number)));
}

void jump_if(Evaluation& e, std::uint64_t target) {
  if (e.pop() != 0) e.next = target;
}

void rotate(Evaluation& e, std::uint64_t) {
  const std::uint64_t c = e.top();
  e.top() = e.top(1);
  e.top(1) = e.top(2);
  e.top(2) = c;
}

void print(Evaluation& e, std::uint64_t number) {
  e.depth -= 2;  // the function to call and its channel, both 0 from gdb; ours is the one that the machine has
  const AgentFormat& format = e.program.formats[number];
  std::vector<std::uint64_t> arguments(format.arguments());
  std::ranges::generate(arguments, [&] { return e.pop(); });
  const auto text = format.print(e.machine, arguments, kMaxAgentText - e.printed);
  if (!text) return e.fail(text.error());
  e.printed += text->size();
  e.machine.print(*text);
}

void finish(Evaluation& e, std::uint64_t) { e.result = e.depth == 0 ? 0 : e.top(); }

// --- the opcodes -----------------------------------------------------------------------------------------------------

enum class Operand : std::uint8_t { kNumber, kRegister, kVariable, kJump, kPick, kFormat };

struct Opcode {
  std::string_view name;  ///< empty: no such opcode
  Run run;                ///< null: without a meaning
  std::uint8_t pops = 0;  ///< of pick and printf the operand tells
  std::uint8_t pushes = 0;
  std::uint8_t operand_bytes = 0;  ///< of printf: the count of arguments and the format's size, which follows
  Operand operand = Operand::kNumber;
};

using U64 = std::uint64_t;
constexpr std::uint8_t kGoto = 0x21;
constexpr std::uint8_t kEnd = 0x27;

// GDB manual, "Bytecode Descriptions"; the index is the opcode.
// clang-format off
constexpr std::array<Opcode, 0x35> kOpcodes{{
    /* 00 */ {"", nullptr},
    {"float", nullptr},
    {"add", binary<[](U64 a, U64 b) { return a + b; }>, 2, 1},
    {"sub", binary<[](U64 a, U64 b) { return a - b; }>, 2, 1},
    {"mul", binary<[](U64 a, U64 b) { return a * b; }>, 2, 1},
    {"div_signed", divide<divide_signed>, 2, 1},
    {"div_unsigned", divide<[](U64 a, U64 b) { return a / b; }>, 2, 1},
    {"rem_signed", divide<remainder_signed>, 2, 1},
    /* 08 */ {"rem_unsigned", divide<[](U64 a, U64 b) { return a % b; }>, 2, 1},
    {"lsh", binary<[](U64 a, U64 b) { return b < 64 ? (a << b) : 0; }>, 2, 1},
    {"rsh_signed", binary<shift_right_signed>, 2, 1},
    {"rsh_unsigned", binary<[](U64 a, U64 b) { return b < 64 ? (a >> b) : 0; }>, 2, 1},
    {"trace", drop<2>, 2, 0},
    {"trace_quick", nothing, 1, 1, 1},
    {"log_not", unary<[](U64 a) { return U64{a == 0}; }>, 1, 1},
    {"bit_and", binary<[](U64 a, U64 b) { return a & b; }>, 2, 1},
    /* 10 */ {"bit_or", binary<[](U64 a, U64 b) { return a | b; }>, 2, 1},
    {"bit_xor", binary<[](U64 a, U64 b) { return a ^ b; }>, 2, 1},
    {"bit_not", unary<[](U64 a) { return ~a; }>, 1, 1},
    {"equal", binary<[](U64 a, U64 b) { return U64{a == b}; }>, 2, 1},
    {"less_signed", binary<[](U64 a, U64 b) { return U64{as_signed(a) < as_signed(b)}; }>, 2, 1},
    {"less_unsigned", binary<[](U64 a, U64 b) { return U64{a < b}; }>, 2, 1},
    {"ext", [](Evaluation& e, U64 bits) { e.top() = sign_extend(e.top(), bits); }, 1, 1, 1},
    {"ref8", fetch<1>, 1, 1},
    /* 18 */ {"ref16", fetch<2>, 1, 1},
    {"ref32", fetch<4>, 1, 1},
    {"ref64", fetch<8>, 1, 1},
    {"ref_float", nullptr},
    {"ref_double", nullptr},
    {"ref_long_double", nullptr},
    {"l_to_d", nullptr},
    {"d_to_l", nullptr},
    /* 20 */ {"if_goto", jump_if, 1, 0, 2, Operand::kJump},
    {"goto", [](Evaluation& e, U64 target) { e.next = target; }, 0, 0, 2, Operand::kJump},
    {"const8", [](Evaluation& e, U64 number) { e.push(number); }, 0, 1, 1},
    {"const16", [](Evaluation& e, U64 number) { e.push(number); }, 0, 1, 2},
    {"const32", [](Evaluation& e, U64 number) { e.push(number); }, 0, 1, 4},
    {"const64", [](Evaluation& e, U64 number) { e.push(number); }, 0, 1, 8},
    {"reg", push_register, 0, 1, 2, Operand::kRegister},
    {"end", finish},
    /* 28 */ {"dup", [](Evaluation& e, U64) { e.push(e.top()); }, 1, 2},
    {"pop", drop<1>, 1, 0},
    {"zero_ext", [](Evaluation& e, U64 bits) { e.top() = zero_extend(e.top(), bits); }, 1, 1, 1},
    {"swap", [](Evaluation& e, U64) { std::swap(e.top(), e.top(1)); }, 2, 2},
    {"getv", push_variable, 0, 1, 2, Operand::kVariable},
    {"setv", [](Evaluation& e, U64 number) { e.machine.set_state_variable(static_cast<unsigned>(number), e.top()); },
     1, 1, 2, Operand::kVariable},
    {"tracev", push_variable, 0, 1, 2, Operand::kVariable},
    {"tracenz", drop<2>, 2, 0},
    /* 30 */ {"trace16", nothing, 1, 1, 2},
    {"", nullptr},
    {"pick", [](Evaluation& e, U64 below) { e.push(e.top(below)); }, 0, 0, 1, Operand::kPick},
    {"rot", rotate, 3, 3},
    {"printf", print, 2, 0, 3, Operand::kFormat},
}};
// clang-format on

// --- verification ----------------------------------------------------------------------------------------------------

using Verified = std::expected<void, std::string>;

std::unexpected<std::string> refuse_at(std::size_t offset, std::string_view sentence) {
  return refuse(fmt::format("byte {} of the bytecode: {}", offset, sentence));
}

/// The row of the opcode at `offset`, which has its operand.
std::expected<const Opcode*, std::string> opcode_at(std::span<const std::byte> code, std::size_t offset) {
  const auto number = std::to_integer<std::size_t>(code[offset]);
  if (number >= kOpcodes.size() || kOpcodes[number].name.empty())
    return refuse_at(offset, fmt::format("{:#04x} is no opcode", number));
  const Opcode& opcode = kOpcodes[number];
  if (opcode.run == nullptr) return refuse_at(offset, fmt::format("{} is not implemented", opcode.name));
  if (code.size() - offset - 1 < opcode.operand_bytes)
    return refuse_at(offset, fmt::format("the operand of {} is cut off", opcode.name));
  return &opcode;
}

/// Splits the code into instructions and checks all that one instruction tells by itself.
Verified decode(std::span<const std::byte> code, const AgentShape& shape, AgentProgram& program) {
  for (std::size_t at = 0; at < code.size();) {
    const auto opcode = opcode_at(code, at);
    if (!opcode) return refuse(opcode.error());
    Instruction instruction{std::to_integer<std::uint8_t>(code[at]), at, 0};
    for (const std::byte byte : code.subspan(at + 1, (*opcode)->operand_bytes))
      instruction.operand = instruction.operand << 8 | std::to_integer<std::uint64_t>(byte);
    at += 1 + (*opcode)->operand_bytes;

    const auto operand = (*opcode)->operand;
    if (operand == Operand::kRegister && instruction.operand >= shape.registers)
      return refuse_at(instruction.offset, fmt::format("there is no register {}", instruction.operand));
    if (operand == Operand::kVariable && instruction.operand >= shape.state_variables)
      return refuse_at(instruction.offset, fmt::format("there is no trace state variable {}", instruction.operand));
    if (operand == Operand::kFormat) {
      const std::size_t size = instruction.operand & 0xffff;
      if (size == 0 || size > code.size() - at || code[at + size - 1] != std::byte{0})
        return refuse_at(instruction.offset, "the format of printf has no end");
      const auto text = std::string_view(reinterpret_cast<const char*>(code.data()), code.size()).substr(at, size - 1);
      auto format = AgentFormat::parse(text, instruction.operand >> 16);
      if (!format) return refuse_at(instruction.offset, format.error());
      instruction.operand = program.formats.size();
      program.formats.push_back(std::move(*format));
      at += size;
    }
    program.code.push_back(instruction);
  }
  return {};
}

/// Jumps lead to instructions: their offsets become indices.
Verified resolve_jumps(AgentProgram& program) {
  for (Instruction& instruction : program.code) {
    if (kOpcodes[instruction.opcode].operand != Operand::kJump) continue;
    const auto target = std::ranges::lower_bound(program.code, instruction.operand, {}, &Instruction::offset);
    if (target == program.code.end() || target->offset != instruction.operand)
      return refuse_at(instruction.offset, fmt::format("no instruction begins at {}, to jump to", instruction.operand));
    instruction.operand = static_cast<std::size_t>(target - program.code.begin());
  }
  return {};
}

/// Follows every way once; each instruction has one stack depth, whichever way leads to it.
Verified check_stack(const AgentProgram& program, AgentUse use) {
  std::vector<std::optional<std::size_t>> depths(program.code.size());
  std::vector<std::size_t> to_visit{0};
  depths[0] = 0;
  while (!to_visit.empty()) {
    const std::size_t index = to_visit.back();
    to_visit.pop_back();
    const auto& [number, offset, operand] = program.code[index];
    const Opcode& opcode = kOpcodes[number];
    std::size_t pops = opcode.pops;
    std::size_t pushes = opcode.pushes;
    if (opcode.operand == Operand::kPick) {
      pops = operand + 1;
      pushes = pops + 1;
    } else if (opcode.operand == Operand::kFormat) {
      pops += program.formats[operand].arguments();
    }
    if (*depths[index] < pops) return refuse_at(offset, fmt::format("{} finds the stack too empty", opcode.name));
    const std::size_t depth = *depths[index] - pops + pushes;
    if (depth > kMaxAgentStack)
      return refuse_at(offset, fmt::format("more than {} values on the stack", kMaxAgentStack));
    if (number == kEnd) {
      if (use == AgentUse::kCondition && depth == 0) return refuse_at(offset, "a condition that leaves no value");
      continue;
    }
    std::vector<std::size_t> ways;
    if (opcode.operand == Operand::kJump) ways.push_back(operand);
    if (number != kGoto) ways.push_back(index + 1);
    for (const std::size_t way : ways) {
      if (way == program.code.size()) return refuse_at(offset, "the last instruction, and no end");
      if (!depths[way]) to_visit.push_back(way);
      if (depths[way].value_or(depth) != depth)
        return refuse_at(program.code[way].offset, "the depth of the stack depends on the way here");
      depths[way] = depth;
    }
  }
  return {};
}

}  // namespace

std::expected<AgentExpression, std::string> AgentExpression::verify(std::span<const std::byte> code, AgentUse use,
                                                                    const AgentShape& shape) {
  if (code.empty()) return refuse("the bytecode is empty");
  const auto program = std::make_shared<AgentProgram>();
  if (const auto decoded = decode(code, shape, *program); !decoded) return refuse(decoded.error());
  if (const auto resolved = resolve_jumps(*program); !resolved) return refuse(resolved.error());
  if (const auto checked = check_stack(*program, use); !checked) return refuse(checked.error());
  return AgentExpression(program);
}

std::expected<std::uint64_t, std::string> AgentExpression::evaluate(AgentMachine& machine) const {
  Evaluation evaluation(*program_, machine);
  for (unsigned step = 0; step < kMaxAgentSteps; ++step) {
    const Instruction& instruction = program_->code[evaluation.next++];
    kOpcodes[instruction.opcode].run(evaluation, instruction.operand);
    if (evaluation.result) return *std::move(evaluation.result);
  }
  return refuse(fmt::format("no end after {} instructions", kMaxAgentSteps));
}

}  // namespace gdb
