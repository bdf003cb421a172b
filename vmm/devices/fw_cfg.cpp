#include "vmm/devices/fw_cfg.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "vmm/base/errors.hpp"
#include "vmm/base/table_bytes.hpp"

namespace vmm {
namespace {

using table::append;

enum Item : std::uint16_t { kSignature = 0x00, kId = 0x01, kDirectory = 0x19, kFirstFile = 0x20 };
enum Offset : std::uint64_t { kSelector = 0, kData = 1, kDmaHigh = 4, kDmaLow = 8 };
enum Control : std::uint32_t { kError = 0x01, kRead = 0x02, kSkip = 0x04, kSelect = 0x08, kWrite = 0x10 };

constexpr std::uint32_t kTraditional = 0x01;
constexpr std::uint32_t kHasDma = 0x02;
constexpr std::uint64_t kDmaSignature = 0x51454d5520434647;  // "QEMU CFG"

constexpr std::size_t kNameSize = 56;
constexpr std::size_t kMostFiles = 256;

struct [[gnu::packed]] DirectoryRow {
  std::uint32_t size;  // big endian
  std::uint16_t item;  // big endian
  std::uint16_t reserved = 0;
  std::array<char, kNameSize> name{};
};

struct [[gnu::packed]] DmaOrder {  // all big endian
  std::uint32_t control;
  std::uint32_t length;
  std::uint64_t address;
};

}  // namespace

FwCfg::FwCfg(DeviceMemory& memory, Contents contents) : memory_(memory), items_(std::move(contents.items)) {
  VMM_CHECK(contents.files.size() <= kMostFiles);
  append(items_[kSignature], std::array{'Q', 'E', 'M', 'U'});
  append(items_[kId], kTraditional | kHasDma);
  Bytes& directory = items_[kDirectory];
  append(directory, std::byteswap(static_cast<std::uint32_t>(contents.files.size())));
  std::ranges::sort(contents.files, {}, &File::name);
  std::uint16_t item = kFirstFile;
  for (File& file : contents.files) {
    VMM_CHECK(file.name.size() < kNameSize);
    DirectoryRow row{.size = std::byteswap(static_cast<std::uint32_t>(file.bytes.size())), .item = std::byteswap(item)};
    std::ranges::copy(file.name, row.name.begin());
    append(directory, row);
    items_[item++] = std::move(file.bytes);
  }
}

std::uint64_t FwCfg::read(std::uint64_t offset, unsigned size) {
  if (offset == kData && size == 1) {
    const auto byte = take(1);
    return byte.empty() ? 0 : std::to_integer<std::uint64_t>(byte[0]);
  }
  // That DMA is there can be read of its address.
  std::uint64_t result = ~0ull;
  for (unsigned i = 0; i < size && offset >= kDmaHigh; ++i) {
    const std::uint64_t byte = kDmaSignature >> (56 - 8 * (offset + i - kDmaHigh)) & 0xff;
    result = (result & ~(0xffull << (8 * i))) | byte << (8 * i);
  }
  return result;
}

void FwCfg::write(std::uint64_t offset, unsigned size, std::uint64_t value) {
  if (offset == kSelector && size == 2) select(static_cast<std::uint16_t>(value));
  if (size != 4) return;
  const std::uint32_t address = std::byteswap(static_cast<std::uint32_t>(value));
  if (offset == kDmaHigh) regs_.dma_high = address;
  if (offset == kDmaLow) dma(std::uint64_t{std::exchange(regs_.dma_high, 0u)} << 32 | address);
}

void FwCfg::select(std::uint16_t item) {
  regs_.selected = item;
  regs_.at = 0;
}

std::span<const std::byte> FwCfg::take(std::uint32_t most) {
  const auto found = items_.find(regs_.selected);
  if (found == items_.end()) return {};
  const std::span<const std::byte> bytes = found->second;
  const auto rest = bytes.subspan(std::min<std::size_t>(regs_.at, bytes.size()));
  regs_.at += static_cast<std::uint32_t>(std::min<std::size_t>(most, rest.size()));
  return rest.first(std::min<std::size_t>(most, rest.size()));
}

void FwCfg::dma(std::uint64_t address) {
  const auto order = memory_.load<DmaOrder>(address);
  if (!order) return;
  const std::uint32_t control = std::byteswap(order->control);
  const std::uint32_t length = std::byteswap(order->length);
  if (control & kSelect) select(static_cast<std::uint16_t>(control >> 16));
  bool done = (control & kWrite) == 0;
  if (control & kRead) {
    done = transfer(std::byteswap(order->address), length);
  } else if (control & kSkip) {
    take(length);
  }
  memory_.store(address, done ? 0 : std::byteswap(std::uint32_t{kError}));
}

/// What is behind the item's end reads as zero.
bool FwCfg::transfer(std::uint64_t address, std::uint32_t length) {
  if (length > kMostDma || !memory_.writable(address, length)) return false;
  const auto bytes = take(length);
  if (!memory_.write(address, bytes)) return false;
  return bytes.size() == length || memory_.write(address + bytes.size(), Bytes(length - bytes.size()));
}

void FwCfg::save(StateWriter& out) const {
  out.tag("fw_cfg");
  out.put(regs_.at);
  out.put(regs_.dma_high);
  out.put(regs_.selected);
}

void FwCfg::load(StateReader& in) {
  in.tag("fw_cfg");
  regs_.at = in.get<std::uint32_t>();
  regs_.dma_high = in.get<std::uint32_t>();
  regs_.selected = in.get<std::uint16_t>();
}

}  // namespace vmm
