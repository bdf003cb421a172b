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

// At most `limit` bytes; gdb asks again for what is missing.
Result<std::vector<std::byte>> read(Conversation& c, std::string_view args, std::size_t limit) {
  Fields fields(args);
  const auto range = parse_range(fields);
  if (!range) return std::unexpected(range.error());
  if (!fields.done()) return fail("malformed memory request");
  std::vector<std::byte> bytes(std::min<std::uint64_t>(range->length, limit));
  if (bytes.empty()) return bytes;
  const auto count = c.target.read_memory(c.memory_thread(), c.space, range->address, bytes);
  if (!count) return std::unexpected(count.error());
  bytes.resize(std::min(*count, bytes.size()));
  return bytes;
}

Reply write(Conversation& c, std::uint64_t address, std::span<const std::byte> bytes) {
  if (bytes.empty()) return "OK";
  const auto written = c.target.write_memory(c.memory_thread(), c.space, address, bytes);
  if (!written) return std::unexpected(written.error());
  return "OK";
}

}  // namespace

Reply read_memory_hex(Conversation& c, std::string_view args) {
  const auto bytes = read(c, args, kPacketSize / 2);
  if (!bytes) return std::unexpected(bytes.error());
  std::string text;
  append_hex(text, *bytes);
  return text;
}

Reply read_memory_binary(Conversation& c, std::string_view args) {
  const auto bytes = read(c, args, kPacketSize - 1);
  if (!bytes) return std::unexpected(bytes.error());
  const std::string_view data(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  return "b" + std::string(data.substr(0, escaped_fit(data, kPacketSize - 1)));
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
