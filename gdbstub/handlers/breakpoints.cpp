// Z and z (GDB manual, "Packets"): TYPE,ADDRESS,KIND, then for Z0 and Z1 conditions `;XLEN,CODE…` and commands
// `;cmds:PERSIST,XLEN,CODE…`.
#include <string>
#include <utility>
#include <vector>

#include "gdbstub/handlers/handlers.hpp"
#include "gdbstub/hex.hpp"

namespace gdb::handlers {
namespace {

Result<BreakpointSpec> parse(Fields& fields) {
  const auto type = fields.number();
  const bool first_comma = fields.skip(',');
  const auto address = fields.number();
  const bool second_comma = fields.skip(',');
  const auto kind = fields.number();
  if (!type || !first_comma || !address || !second_comma || !kind) return fail("malformed breakpoint");
  return BreakpointSpec{static_cast<BreakpointType>(*type), *address, *kind};
}

// XLEN,CODE as often as they follow each other.
Result<std::vector<AgentExpression>> parse_expressions(std::string_view text, AgentUse use) {
  std::vector<AgentExpression> expressions;
  while (!text.empty()) {
    Fields fields(text);
    const bool opcode = fields.skip('X');
    const auto length = fields.number();
    if (!opcode || !length || !fields.skip(',') || *length > fields.rest().size() / 2) {
      return fail("malformed breakpoint condition or command");
    }
    const auto code = bytes_of_hex(fields.rest().substr(0, 2 * *length));
    if (!code) return fail("malformed breakpoint condition or command");
    const AgentShape shape{.registers = static_cast<unsigned>(x86::kRegisterCount), .state_variables = 0};
    auto expression = AgentExpression::verify(*code, use, shape);
    if (!expression) return fail("breakpoint condition or command: " + expression.error());
    expressions.push_back(*std::move(expression));
    text = fields.rest().substr(2 * *length);
  }
  return expressions;
}

Result<BreakpointActions> parse_actions(const BreakpointSpec& spec, Fields fields) {
  BreakpointActions actions;
  if (fields.done()) return actions;
  if (!fields.skip(';')) return fail("malformed breakpoint");
  if (spec.type > BreakpointType::kHardware) return fail("watchpoints take no conditions here");
  constexpr std::string_view kCommands = "cmds:";
  while (!fields.done()) {
    std::string_view list = fields.until(';');
    const bool commands = list.starts_with(kCommands);
    if (commands) {
      // PERSIST: whether the commands outlive the connection. Nothing that is planted here does.
      const std::size_t comma = list.find(',');
      if (comma == std::string_view::npos) return fail("malformed breakpoint commands");
      list.remove_prefix(comma + 1);
    }
    auto expressions = parse_expressions(list, commands ? AgentUse::kCommand : AgentUse::kCondition);
    if (!expressions) return std::unexpected(expressions.error());
    (commands ? actions.commands : actions.conditions) = *std::move(expressions);
  }
  return actions;
}

bool known_type(std::string_view args) { return args.size() > 1 && args[0] >= '0' && args[0] <= '4' && args[1] == ','; }

template <typename Act>
Reply change(Conversation& c, std::string_view args, Act act) {
  Breakpoints* breakpoints = c.target.breakpoints();
  if (breakpoints == nullptr || !known_type(args)) return "";
  Fields fields(args);
  const auto spec = parse(fields);
  if (!spec) return std::unexpected(spec.error());
  const Result<void> done = act(*breakpoints, *spec, fields);
  if (done) return "OK";
  // Of Z1 alone gdb shows the text without error-message; of the others it says only that it cannot.
  if (!c.features.error_message && spec->type != BreakpointType::kHardware)
    c.print_later_once(done.error().text + "\n");
  return std::unexpected(done.error());
}

}  // namespace

Reply insert_breakpoint(Conversation& c, std::string_view args) {
  return change(c, args, [](Breakpoints& breakpoints, const BreakpointSpec& spec, Fields& fields) -> Result<void> {
    auto actions = parse_actions(spec, fields);
    if (!actions) return std::unexpected(actions.error());
    const bool any = !actions->conditions.empty() || !actions->commands.empty();
    if (any && !breakpoints.takes_actions()) return fail("breakpoint conditions and commands are not evaluated here");
    return breakpoints.insert(spec, *std::move(actions));
  });
}

Reply remove_breakpoint(Conversation& c, std::string_view args) {
  return change(c, args,
                [](Breakpoints& breakpoints, const BreakpointSpec& spec, const Fields& fields) -> Result<void> {
                  if (!fields.done()) return fail("malformed breakpoint");
                  return breakpoints.remove(spec);
                });
}

}  // namespace gdb::handlers
