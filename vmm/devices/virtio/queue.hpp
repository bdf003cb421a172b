/// A split virtqueue, seen by the device. Source: virtio 1.2, section 2.7; an offset in a struct is its place in guest
/// memory.
///
/// Everything in it is the driver's word and checked: what is wrong comes back as a Fault, after which the device asks
/// for a reset. The work is bounded: a chain has at most as many buffers as the queue has entries and kMaxChainBytes,
/// and no more chains wait than the queue has entries.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string_view>
#include <vector>

#include "vmm/base/state_stream.hpp"
#include "vmm/memory/device_memory.hpp"

namespace vmm::virtio {

/// What the driver did wrong, for the log.
using Fault = std::string_view;

/// A buffer in guest memory; all of it is there.
struct Buffer {
  std::uint64_t address = 0;
  std::uint32_t length = 0;
};

/// The buffers of one side of a request, as one stream of bytes.
class Stream {
 public:
  void add(Buffer buffer) {
    buffers_.push_back(buffer);
    rest_ += buffer.length;
  }
  /// Bytes left.
  std::uint64_t size() const { return rest_; }
  /// The next bytes, as many as there are and fit; returns how many.
  std::size_t read(const DeviceMemory& memory, std::span<std::byte> out);
  std::size_t write(DeviceMemory& memory, std::span<const std::byte> data);
  void skip(std::uint64_t count);
  /// Takes the last `count` bytes off and returns them as a stream of their own; all if there are fewer.
  Stream split_tail(std::uint64_t count);

 private:
  template <typename Visit>
  std::size_t advance(std::uint64_t count, Visit visit);

  std::vector<Buffer> buffers_;
  std::size_t next_ = 0;
  std::uint64_t rest_ = 0;
};

/// A request: what the device may read, then what it may write.
struct Chain {
  std::uint16_t head = 0;
  Stream in;   ///< from the driver
  Stream out;  ///< to the driver
};

class Queue {
 public:
  /// The sum of a chain's lengths: larger ones no driver makes of the limits that our devices announce.
  static constexpr std::uint64_t kMaxChainBytes = 8 * 1024 * 1024;

  struct Registers {
    std::uint64_t descriptors = 0;  ///< descriptor table
    std::uint64_t driver = 0;       ///< available ring
    std::uint64_t device = 0;       ///< used ring
    std::uint16_t size = 0;
    std::uint16_t next_available = 0;
    std::uint16_t next_used = 0;
    std::uint16_t told_used = 0;  ///< next_used, when the driver was last told
    std::uint8_t ready = 0;
    std::uint8_t reserved[7] = {};
  };

  /// `max_size`, a power of two, is what the driver may choose at most. `memory` outlives it.
  Queue(DeviceMemory& memory, std::uint16_t max_size);

  std::uint16_t max_size() const { return max_size_; }
  bool ready() const { return regs_.ready != 0; }
  /// The registers that the driver sets up before enable(); afterwards they are ours.
  Registers& setup() { return regs_; }
  const Registers& registers() const { return regs_; }
  /// The driver has set it up. `event_index`: VIRTIO_F_EVENT_IDX was agreed on.
  std::expected<void, Fault> enable();
  /// Back to what it was at first.
  void reset();
  void use_event_index(bool on) { event_index_ = on; }

  /// How many chains wait, at most size. The driver notifies again for each that it adds after this.
  std::expected<std::uint16_t, Fault> waiting();
  /// The next of those. Its buffers all lie in memory.
  std::expected<Chain, Fault> take();
  /// The chain is done; `written` bytes of Chain::out were filled, from its start on.
  void give_back(const Chain& chain, std::uint32_t written);
  /// Whether the driver wants an interrupt for what was given back since the last time that this was asked.
  bool interrupt_wanted();

  void save(StateWriter& out) const;
  /// Throws HostError when the snapshot is no queue of ours.
  void load(StateReader& in);

 private:
  struct Descriptor {
    std::uint64_t address;
    std::uint32_t length;
    std::uint16_t flags;
    std::uint16_t next;
  };
  struct Table {
    std::uint64_t address;
    std::uint32_t entries;
  };

  std::uint64_t available_size() const { return 6 + 2ull * regs_.size; }
  std::uint64_t used_size() const { return 6 + 8ull * regs_.size; }
  std::expected<void, Fault> check() const;
  std::expected<Descriptor, Fault> descriptor(const Table& table, std::uint16_t index) const;
  static std::expected<void, Fault> add_buffer(const DeviceMemory& memory, const Descriptor& descriptor, Chain& chain);

  DeviceMemory& memory_;
  std::uint16_t max_size_;
  bool event_index_ = false;
  Registers regs_;
};

}  // namespace vmm::virtio
