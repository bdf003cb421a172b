#include "vmm/base/state_stream.hpp"

#include <fmt/format.h>

#include "vmm/base/errors.hpp"

namespace vmm {

void StateWriter::tag(std::string_view name) { put_bytes(std::as_bytes(std::span(name))); }

void StateWriter::put_bytes(std::span<const std::byte> bytes) {
  put(static_cast<std::uint64_t>(bytes.size()));
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

void StateReader::tag(std::string_view name) {
  const auto found = take(get<std::uint64_t>());
  const std::string_view text(reinterpret_cast<const char*>(found.data()), found.size());
  if (text != name) throw HostError(fmt::format("the snapshot is damaged: expected the state of '{}'", name));
}

std::vector<std::byte> StateReader::get_bytes() {
  const auto bytes = take(get<std::uint64_t>());
  return {bytes.begin(), bytes.end()};
}

std::span<const std::byte> StateReader::take(std::size_t count) {
  if (count > rest_.size()) throw HostError("the snapshot is damaged: it ends too early");
  const auto taken = rest_.first(count);
  rest_ = rest_.subspan(count);
  return taken;
}

}  // namespace vmm
