// m, x, M, X (GDB manual, "Packets"), and QEMU's switch to guest-physical addresses.
#include <algorithm>
#include <string>
#include <vector>

#include "gdbstub/handlers/handlers.hpp"
#include "gdbstub/hex.hpp"
#include "gdbstub/packet.hpp"

namespace gdb::handlers {
namespace {

struct Range {
  std::uint64_t address;
  std::uint64_t length;
};

Result<Range> parse_range(Fields& fields) {
  const auto address = fields.number();
  const bool comma = fields.skip(',');
  const auto length = fields.number();
  if (!address || !comma || !length) return fail("malformed memory request");
  return Range{*address, *length};
}

// Behind `text`, at most `limit` bytes; gdb asks again for what is missing.
Result<void> read(Conversation& c, std::string_view args, std::size_t limit, std::string& text) {
  Fields fields(args);
  const auto range = parse_range(fields);
  if (!range) return std::unexpected(range.error());
  if (!fields.done()) return fail("malformed memory request");
  const std::size_t before = text.size();
  text.resize(before + std::min<std::uint64_t>(range->length, limit));
  const auto bytes = std::as_writable_bytes(std::span(text)).subspan(before);
  if (bytes.empty()) return {};
  const auto count = c.target.read_memory(c.memory_thread(), c.space, range->address, bytes);
  if (!count) return std::unexpected(count.error());
  text.resize(before + std::min(*count, bytes.size()));
  return {};
}

Reply write(Conversation& c, std::uint64_t address, std::span<const std::byte> bytes) {
  if (bytes.empty()) return "OK";
  const auto written = c.target.write_memory(c.memory_thread(), c.space, address, bytes);
  if (!written) return std::unexpected(written.error());
  return "OK";
}

}  // namespace

Reply read_memory_hex(Conversation& c, std::string_view args) {
  std::string bytes;
  const auto done = read(c, args, kPacketSize / 2, bytes);
  if (!done) return std::unexpected(done.error());
  return hex_of_text(bytes);
}

Reply read_memory_binary(Conversation& c, std::string_view args) {
  std::string text = "b";
  const auto done = read(c, args, kPacketSize - 1, text);
  if (!done) return std::unexpected(done.error());
  text.resize(escaped_fit(text, kPacketSize));
  return text;
}

Reply write_memory_hex(Conversation& c, std::string_view args) {
  Fields fields(args);
  const auto range = parse_range(fields);
  if (!range) return std::unexpected(range.error());
  if (!fields.skip(':')) return fail("malformed memory request");
  const auto bytes = bytes_of_hex(fields.rest());
  if (!bytes || bytes->size() != range->length) return fail("the data is not as long as it says");
  return write(c, range->address, *bytes);
}

Reply write_memory_binary(Conversation& c, std::string_view args) {
  Fields fields(args);
  const auto range = parse_range(fields);
  if (!range) return std::unexpected(range.error());
  if (!fields.skip(':')) return fail("malformed memory request");
  if (fields.rest().size() != range->length) return fail("the data is not as long as it says");
  return write(c, range->address, std::as_bytes(std::span(fields.rest())));
}

Reply physical_mode(Conversation& c, std::string_view) { return c.space == AddressSpace::kPhysical ? "1" : "0"; }

Reply set_physical_mode(Conversation& c, std::string_view args) {
  if (args != "0" && args != "1") return fail("PhyMemMode is 0 or 1");
  c.space = args == "1" ? AddressSpace::kPhysical : AddressSpace::kLinear;
  return "OK";
}

}  // namespace gdb::handlers
