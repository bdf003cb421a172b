// qSearch:memory (GDB manual, "General Query Packets"): gdb's `find`, done where the memory is.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "gdbstub/handlers/handlers.hpp"
#include "gdbstub/hex.hpp"

namespace gdb::handlers {
namespace {

constexpr std::uint64_t kMostSearched = std::uint64_t{1} << 34;  // a few seconds, in which nobody else is answered
constexpr std::size_t kPiece = 256 * 1024;                       // stays in the host's cache

}  // namespace

Reply search_memory(Conversation& c, std::string_view args) {
  Fields fields(args);
  const auto start = fields.number();
  const bool first_mark = fields.skip(';');
  const auto length = fields.number();
  const bool second_mark = fields.skip(';');
  const std::string_view pattern = fields.rest();
  if (!start || !first_mark || !length || !second_mark || pattern.empty()) return fail("malformed search");
  if (*length > kMostSearched) return fail("a search covers at most 16 GiB");
  if (*length != 0 && *length - 1 > ~*start) return fail("the search goes beyond the last address");
  // What is searched next, with a pattern's length less one kept of what was read before it.
  std::vector<std::byte> window(pattern.size() - 1 + std::min<std::uint64_t>(kPiece, *length));
  std::size_t kept = 0;
  for (std::uint64_t done = 0; done < *length;) {
    const std::size_t wanted = std::min<std::uint64_t>(kPiece, *length - done);
    const auto fresh = std::span(window).subspan(kept, wanted);
    const auto count = c.target.read_memory(c.memory_thread(), c.space, *start + done, fresh);
    const std::size_t size = kept + (count ? std::min(*count, wanted) : 0);
    // Not string_view::find, which looks twice at each byte that begins the pattern.
    if (const void* found = ::memmem(window.data(), size, pattern.data(), pattern.size())) {
      const auto offset = static_cast<const std::byte*>(found) - window.data();
      return "1," + hex_of_number(*start + done - kept + static_cast<std::uint64_t>(offset));
    }
    done += size - kept;
    if (size < kept + wanted) {
      // gdb says no more than that nothing was found.
      const std::string why = fmt::format("the search has ended at {:#x}: nothing is mapped there", *start + done);
      c.print_later_once(why + "\n");
      return fail(why);
    }
    kept = std::min(pattern.size() - 1, size);
    std::ranges::copy(std::span(window).subspan(size - kept, kept), window.begin());
  }
  return "0";
}

}  // namespace gdb::handlers
