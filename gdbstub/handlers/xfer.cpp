// qXfer: documents that gdb reads in parts (GDB manual, "General Query Packets").
#include <fmt/format.h>

#include <string>

#include "gdbstub/handlers/handlers.hpp"
#include "gdbstub/hex.hpp"
#include "gdbstub/packet.hpp"

namespace gdb::handlers {
namespace {

struct Part {
  std::string_view annex;
  std::uint64_t offset;
  std::uint64_t length;
};

// ANNEX:OFFSET,LENGTH
Result<Part> parse_part(std::string_view args) {
  Fields fields(args);
  const std::string_view annex = fields.until(':');
  const auto offset = fields.number();
  const bool comma = fields.skip(',');
  const auto length = fields.number();
  if (!offset || !comma || !length || !fields.done()) return fail("malformed qXfer request");
  return Part{annex, *offset, *length};
}

// `m` and a part, or `l` and the last one.
Reply part_of(std::string_view document, const Part& part) {
  if (part.offset > document.size()) return fail("offset is beyond the object's end");
  const std::string_view rest = document.substr(part.offset);
  const std::size_t size = escaped_fit(rest.substr(0, part.length), kPacketSize - 1);
  return (size < rest.size() ? "m" : "l") + std::string(rest.substr(0, size));
}

// One bad byte and gdb drops the whole document; the text may have come from the guest.
std::string xml_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("&<>\"'").contains(c)) {
      out += fmt::format("&#{};", static_cast<int>(c));
    } else {
      out += c >= ' ' && c <= '~' ? c : '?';
    }
  }
  return out;
}

// GDB manual, "Thread List Format".
std::string describe_threads(const Conversation& c) {
  std::string xml = "<?xml version=\"1.0\"?>\n<threads>\n";
  for (const ThreadId thread : c.target.threads()) {
    xml += fmt::format("<thread id=\"{}\"", c.thread_text(thread));
    if (const auto core = c.target.core(thread)) xml += fmt::format(" core=\"{}\"", *core);
    const std::string name = c.target.thread_name(thread);
    if (!name.empty()) xml += fmt::format(" name=\"{}\"", xml_text(name));
    xml += fmt::format(">{}</thread>\n", xml_text(c.target.thread_info(thread)));
  }
  return xml + "</threads>\n";
}

}  // namespace

Reply features_xml(Conversation& c, std::string_view args) {
  const auto part = parse_part(args);
  if (!part) return std::unexpected(part.error());
  if (part->annex != "target.xml") return fail("no such object", 0);
  return part_of(c.target.layout().target_xml(), *part);
}

Reply threads_xml(Conversation& c, std::string_view args) {
  const auto part = parse_part(args);
  if (!part) return std::unexpected(part.error());
  if (!part->annex.empty()) return fail("no such object", 0);
  if (part->offset == 0) c.threads_xml = describe_threads(c);
  return part_of(c.threads_xml, *part);
}

}  // namespace gdb::handlers
