#include "vmm/devices/virtio/block.hpp"

#include <algorithm>
#include <cstring>

#include "vmm/base/table_bytes.hpp"
#include "vmm/memory/layout.hpp"

namespace vmm::virtio {
namespace {

enum Feature : unsigned { kSizeMax = 1, kSegMax = 2, kReadOnly = 5, kBlockSize = 6, kFlush = 9 };
enum RequestType : std::uint32_t { kIn = 0, kOut = 1, kFlushCache = 4, kGetId = 8 };
enum RequestStatus : std::uint8_t { kOk = 0, kIoError = 1, kUnsupported = 2 };

constexpr std::size_t kIdLength = 20;
constexpr std::size_t kBufferSize = 64 * layout::kKiB;  // a multiple of the sector size
// Together half of Queue::kMaxChainBytes.
constexpr std::uint32_t kMaxSegmentSize = 64 * layout::kKiB;
constexpr std::uint32_t kMaxSegments = 64;

struct RequestHeader {
  std::uint32_t type;
  std::uint32_t reserved;
  std::uint64_t sector;
};

/// The start of struct virtio_blk_config (5.2.4); what comes after belongs to features that are not offered.
struct Config {
  std::uint64_t capacity;
  std::uint32_t size_max;
  std::uint32_t seg_max;
  std::uint8_t geometry[4];
  std::uint32_t block_size;
};

std::vector<std::byte> config_of(const Disk& disk) {
  return table::bytes_of(Config{.capacity = disk.sectors(),
                                .size_max = kMaxSegmentSize,
                                .seg_max = kMaxSegments,
                                .geometry = {},
                                .block_size = Disk::kSectorSize});
}

std::uint64_t features_of(const Disk& disk) {
  std::uint64_t features = 1u << kSizeMax | 1u << kSegMax | 1u << kBlockSize | 1u << kFlush;
  if (disk.read_only()) features |= 1u << kReadOnly;
  return features;
}

}  // namespace

Block::Block(Disk& disk, std::string id, DeviceMemory& memory, IrqLine irq)
    : MmioDevice(
          {.name = "virtio block", .type = Type::kBlock, .features = features_of(disk), .config = config_of(disk)},
          memory, std::move(irq)),
      disk_(disk),
      id_(std::move(id)),
      buffer_(kBufferSize) {
  id_.resize(kIdLength, '\0');
}

void Block::notified(unsigned queue) {
  serve(queue, [this](Chain& chain) { return request(chain); });
}

bool Block::read_sectors(std::uint64_t sector, Stream& out) {
  if (!disk_.inside(sector, out.size())) return false;
  while (out.size() > 0) {
    const auto part = std::span(buffer_).first(std::min<std::uint64_t>(out.size(), buffer_.size()));
    if (!disk_.read(sector, part)) return false;
    out.write(memory(), part);
    sector += part.size() / Disk::kSectorSize;
  }
  return true;
}

bool Block::write_sectors(std::uint64_t sector, Stream& in) {
  if (disk_.read_only() || !disk_.inside(sector, in.size())) return false;
  while (in.size() > 0) {
    const auto part = std::span(buffer_).first(std::min<std::uint64_t>(in.size(), buffer_.size()));
    in.read(memory(), part);
    if (!disk_.write(sector, part)) return false;
    sector += part.size() / Disk::kSectorSize;
  }
  return agreed(kFlush) || disk_.flush();
}

std::uint32_t Block::request(Chain& chain) {
  if (chain.out.size() == 0) {
    fail("a block request without room for its status");
    return 0;
  }
  // Where the parts of a request lie in the buffers is the driver's choice (2.7.4): header first, status last.
  const auto room = static_cast<std::uint32_t>(chain.out.size());
  Stream status = chain.out.split_tail(1);
  RequestHeader header{};
  std::uint8_t result = kIoError;
  if (chain.in.read(memory(), std::as_writable_bytes(std::span(&header, 1))) == sizeof header) {
    const auto result_of = [](bool done) { return done ? kOk : kIoError; };
    switch (header.type) {
      case kIn: result = result_of(read_sectors(header.sector, chain.out)); break;
      case kOut: result = result_of(write_sectors(header.sector, chain.in)); break;
      case kFlushCache: result = result_of(disk_.flush()); break;
      case kGetId:
        chain.out.write(memory(), std::as_bytes(std::span(id_)));
        result = kOk;
        break;
      default: result = kUnsupported; break;
    }
  }
  const auto done = room - 1 - static_cast<std::uint32_t>(chain.out.size());
  status.write(memory(), std::as_bytes(std::span(&result, 1)));
  // The count is of bytes from the start on: the status behind a gap does not count (2.7.8.2).
  return done + 1 == room ? room : done;
}

}  // namespace vmm::virtio
