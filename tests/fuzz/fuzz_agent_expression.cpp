// Any bytes are refused or evaluate to a value or an error, on a machine that answers from the input. Input: a byte of
// options, the size of the bytecode (2 bytes, low first), the bytecode; the rest is what the machine has.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "gdbstub/agent_expression.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

constexpr gdb::AgentShape kShape{.registers = 20, .state_variables = 4};

struct Machine final : gdb::AgentMachine {
  std::optional<std::uint64_t> register_value(unsigned number) override {
    require(number < kShape.registers);
    const std::uint64_t value = next();
    if (value == 0xff) return std::nullopt;
    return value << (number % 4 * 8);
  }
  bool read(std::uint64_t address, std::span<std::byte> out) override {
    require(!out.empty() && out.size() <= 128);
    if (address % 64 == 63) return false;
    std::ranges::generate(out, [&] { return std::byte{next()}; });
    return true;
  }
  void print(std::string_view text) override {
    printed += text.size();
    require(printed <= gdb::kMaxAgentText);
  }
  std::uint64_t state_variable(unsigned number) override { return variables.at(number); }
  void set_state_variable(unsigned number, std::uint64_t value) override { variables.at(number) = value; }

  std::uint8_t next() { return bytes.empty() ? 0 : bytes[at++ % bytes.size()]; }

  std::span<const std::uint8_t> bytes;
  std::size_t at = 0;
  std::size_t printed = 0;
  std::array<std::uint64_t, kShape.state_variables> variables{};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const std::span input(data + 3, size - 3);
  const auto code = input.first(std::min(input.size(), data[1] + std::size_t{256} * data[2]));
  const auto use = (data[0] & 1) != 0 ? gdb::AgentUse::kCommand : gdb::AgentUse::kCondition;
  const auto expression = gdb::AgentExpression::verify(std::as_bytes(code), use, kShape);
  if (!expression) {
    require(!expression.error().empty());
    return 0;
  }
  // Twice the same: nothing is kept between evaluations.
  std::array<std::expected<std::uint64_t, std::string>, 2> results;
  for (auto& result : results) {
    Machine machine;
    machine.bytes = input.subspan(code.size());
    result = expression->evaluate(machine);
  }
  require(results[0] == results[1] && (results[0] || !results[0].error().empty()));
  return 0;
}
