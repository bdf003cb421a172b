#include "vmm/devices/virtio/queue.hpp"

#include <algorithm>
#include <bit>

#include "vmm/base/errors.hpp"

namespace vmm::virtio {
namespace {

enum DescriptorFlag : std::uint16_t { kNext = 1, kWrite = 2, kIndirect = 4 };
constexpr std::uint16_t kNoInterrupt = 1;  // of the available ring's flags
constexpr std::uint32_t kDescriptorSize = 16;

struct UsedElement {
  std::uint32_t id;
  std::uint32_t length;
};

/// What the driver's CPU writes and reads on its side must not pass what we write and read on ours (2.7.13). x86 keeps
/// all but a store and a later load in order. (g++ refuses std::atomic_thread_fence under ThreadSanitizer.)
void store_before_load() { __sync_synchronize(); }

/// Whether `event` lies in [old, now), modulo 2^16 (2.7.10).
bool passed(std::uint16_t event, std::uint16_t now, std::uint16_t old) {
  return static_cast<std::uint16_t>(now - event - 1) < static_cast<std::uint16_t>(now - old);
}

}  // namespace

template <typename Visit>
std::size_t Stream::advance(std::uint64_t count, Visit visit) {
  std::size_t done = 0;
  while (done < count && next_ < buffers_.size()) {
    Buffer& buffer = buffers_[next_];
    const auto part = static_cast<std::uint32_t>(std::min<std::uint64_t>(buffer.length, count - done));
    visit(buffer.address, done, part);
    done += part;
    buffer.address += part;
    buffer.length -= part;
    if (buffer.length == 0) ++next_;
  }
  rest_ -= done;
  return done;
}

std::size_t Stream::read(const DeviceMemory& memory, std::span<std::byte> out) {
  return advance(out.size(), [&](std::uint64_t address, std::size_t done, std::uint32_t part) {
    memory.read(address, out.subspan(done, part));
  });
}

std::size_t Stream::write(DeviceMemory& memory, std::span<const std::byte> data) {
  return advance(data.size(), [&](std::uint64_t address, std::size_t done, std::uint32_t part) {
    memory.write(address, data.subspan(done, part));
  });
}

void Stream::skip(std::uint64_t count) {
  advance(count, [](std::uint64_t, std::size_t, std::uint32_t) {});
}

Stream Stream::split_tail(std::uint64_t count) {
  Stream tail = *this;
  tail.skip(rest_ - std::min(rest_, count));
  std::uint64_t surplus = tail.rest_;
  rest_ -= surplus;
  while (surplus > 0) {
    const auto part = static_cast<std::uint32_t>(std::min<std::uint64_t>(buffers_.back().length, surplus));
    buffers_.back().length -= part;
    surplus -= part;
    if (buffers_.back().length == 0) buffers_.pop_back();
  }
  return tail;
}

Queue::Queue(DeviceMemory& memory, std::uint16_t max_size) : memory_(memory), max_size_(max_size) {
  VMM_CHECK(std::has_single_bit(max_size));
  reset();
}

void Queue::reset() {
  regs_ = {};
  regs_.size = max_size_;
}

std::expected<void, Fault> Queue::check() const {
  if (!std::has_single_bit(regs_.size) || regs_.size > max_size_)
    return std::unexpected("a queue size that is not allowed");
  // Alignment: 2.7, table. All of the three must be there, so that later accesses need no answer.
  if (regs_.descriptors % 16 != 0 || regs_.driver % 2 != 0 || regs_.device % 4 != 0) {
    return std::unexpected("a part of a queue that is not aligned");
  }
  if (!memory_.contains(regs_.descriptors, std::uint64_t{kDescriptorSize} * regs_.size) ||
      !memory_.contains(regs_.driver, available_size()) || !memory_.writable(regs_.device, used_size())) {
    return std::unexpected("a part of a queue that lies outside memory");
  }
  return {};
}

std::expected<void, Fault> Queue::enable() {
  if (const auto fine = check(); !fine) return fine;
  regs_.ready = 1;
  return {};
}

std::expected<std::uint16_t, Fault> Queue::waiting() {
  if (!ready()) return std::uint16_t{0};
  const auto index = [&] { return memory_.load<std::uint16_t>(regs_.driver + 2).value_or(0); };
  std::uint16_t now = index();
  // Until what we ask to be notified of is what we have seen: else a chain added in between would never be heard of. A
  // driver can't add more than `size` chains meanwhile.
  for (unsigned looks = 0; event_index_; ++looks) {
    memory_.store(regs_.device + 4 + 8ull * regs_.size, now);
    store_before_load();
    const std::uint16_t again = index();
    if (again == now) break;
    if (looks > regs_.size) return std::unexpected("an available index that moves back");
    now = again;
  }
  const auto count = static_cast<std::uint16_t>(now - regs_.next_available);
  if (count > regs_.size) return std::unexpected("more available chains than the queue has entries");
  return count;
}

std::expected<Queue::Descriptor, Fault> Queue::descriptor(const Table& table, std::uint16_t index) const {
  if (index >= table.entries) return std::unexpected("a descriptor index beyond its table");
  const auto found = memory_.load<Descriptor>(table.address + std::uint64_t{kDescriptorSize} * index);
  if (!found) return std::unexpected("a descriptor table outside memory");
  return *found;
}

std::expected<void, Fault> Queue::add_buffer(const DeviceMemory& memory, const Descriptor& descriptor, Chain& chain) {
  const bool writable = descriptor.flags & kWrite;
  if (!writable && chain.out.size() > 0) return std::unexpected("a buffer to read behind one to write");
  if (chain.in.size() + chain.out.size() + descriptor.length > kMaxChainBytes) {
    return std::unexpected("a request of more than 8 MiB");
  }
  if (!memory.contains(descriptor.address, descriptor.length)) return std::unexpected("a buffer outside memory");
  if (writable && !memory.writable(descriptor.address, descriptor.length)) return std::unexpected("a buffer in ROM");
  if (descriptor.length > 0) (writable ? chain.out : chain.in).add({descriptor.address, descriptor.length});
  return {};
}

std::expected<Chain, Fault> Queue::take() {
  const std::uint64_t place = regs_.driver + 4 + 2ull * (regs_.next_available & (regs_.size - 1u));
  Chain chain{.head = memory_.load<std::uint16_t>(place).value_or(0), .in = {}, .out = {}};
  ++regs_.next_available;
  Table table{.address = regs_.descriptors, .entries = regs_.size};
  bool indirect = false;
  std::uint16_t index = chain.head;
  for (unsigned buffers = 0; buffers < regs_.size;) {
    const auto row = descriptor(table, index);
    if (!row) return std::unexpected(row.error());
    if (row->flags & kIndirect) {
      if (indirect || row->flags & kNext || row->length == 0 || row->length % kDescriptorSize != 0) {
        return std::unexpected("an indirect descriptor that is not allowed");
      }
      indirect = true;
      table = {.address = row->address, .entries = row->length / kDescriptorSize};
      index = 0;
      continue;
    }
    if (const auto added = add_buffer(memory_, *row, chain); !added) return std::unexpected(added.error());
    if (!(row->flags & kNext)) return chain;
    index = row->next;
    ++buffers;
  }
  return std::unexpected("a chain longer than the queue");
}

void Queue::give_back(const Chain& chain, std::uint32_t written) {
  const UsedElement element{.id = chain.head, .length = written};
  memory_.store(regs_.device + 4 + 8ull * (regs_.next_used & (regs_.size - 1u)), element);
  memory_.store(regs_.device + 2, ++regs_.next_used);
}

bool Queue::interrupt_wanted() {
  if (!ready() || regs_.told_used == regs_.next_used) return false;
  const auto old = std::exchange(regs_.told_used, regs_.next_used);
  store_before_load();
  if (!event_index_) return !(memory_.load<std::uint16_t>(regs_.driver).value_or(0) & kNoInterrupt);
  const auto event = memory_.load<std::uint16_t>(regs_.driver + 4 + 2ull * regs_.size).value_or(0);
  return passed(event, regs_.next_used, old);
}

void Queue::save(StateWriter& out) const { out.put(regs_); }

void Queue::load(StateReader& in) {
  regs_ = in.get<Registers>();
  if (ready() && !check()) throw HostError("the snapshot is damaged: a virtqueue that lies outside memory");
}

}  // namespace vmm::virtio
