// g, G, p, P: registers are sent in the order of their numbers, each as its bytes in memory order.
#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "gdbstub/handlers/handlers.hpp"
#include "gdbstub/hex.hpp"

namespace gdb::handlers {
namespace {

std::string value_text(x86::Register reg, const x86::Value& value) {
  std::string text;
  append_hex(text, std::span(value.bytes).first(x86::size_of(reg)));
  return text;
}

std::optional<x86::Value> parse_value(x86::Register reg, std::string_view text) {
  const auto bytes = bytes_of_hex(text);
  if (!bytes || bytes->size() != x86::size_of(reg)) return std::nullopt;
  x86::Value value;
  std::ranges::copy(*bytes, value.bytes.begin());
  return value;
}

}  // namespace

Reply read_registers(Conversation& c, std::string_view) {
  std::string text;
  for (std::uint64_t number = 0; const auto reg = c.target.layout().from_number(number); ++number) {
    const auto value = c.target.read_register(c.general_thread(), *reg);
    text += value ? value_text(*reg, *value) : std::string(2 * x86::size_of(*reg), 'x');
  }
  return text;
}

// Only what gdb changed is written: a register that refuses writes does not spoil the others, and a 32-bit view that
// was not touched does not clear the upper half of its register. Hence all are read before any is written.
Reply write_registers(Conversation& c, std::string_view args) {
  struct Change {
    x86::Register reg;
    x86::Value value;
  };
  const ThreadId thread = c.general_thread();
  std::vector<Change> changes;
  for (std::uint64_t number = 0; const auto reg = c.target.layout().from_number(number); ++number) {
    const std::string_view field = args.substr(0, 2 * x86::size_of(*reg));
    args.remove_prefix(field.size());
    if (field.starts_with('x')) continue;
    const auto value = parse_value(*reg, field);
    if (!value) return fail("malformed register values");
    const auto old = c.target.read_register(thread, *reg);
    if (!old || *old != *value) changes.push_back({*reg, *value});
  }
  if (!args.empty()) return fail("too many register values");

  std::optional<Error> refusal;
  for (const Change& change : changes) {
    const auto written = c.target.write_register(thread, change.reg, change.value);
    if (!written && !refusal) refusal = written.error();
  }
  if (refusal) return std::unexpected(*refusal);
  return "OK";
}

Reply read_register(Conversation& c, std::string_view args) {
  Fields fields(args);
  const auto number = fields.number();
  if (!number || !fields.done()) return fail("malformed register number");
  const auto reg = c.target.layout().from_number(*number);
  if (!reg) return fail("no such register");
  const auto value = c.target.read_register(c.general_thread(), *reg);
  if (!value) return std::unexpected(value.error());
  return value_text(*reg, *value);
}

Reply write_register(Conversation& c, std::string_view args) {
  Fields fields(args);
  const auto number = fields.number();
  if (!number || !fields.skip('=')) return fail("malformed register number");
  const auto reg = c.target.layout().from_number(*number);
  if (!reg) return fail("no such register");
  const auto value = parse_value(*reg, fields.rest());
  if (!value) return fail("a value of the wrong size");
  const auto written = c.target.write_register(c.general_thread(), *reg, *value);
  if (!written) return std::unexpected(written.error());
  return "OK";
}

}  // namespace gdb::handlers
