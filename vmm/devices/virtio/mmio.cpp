#include "vmm/devices/virtio/mmio.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <utility>

#include "vmm/base/errors.hpp"
#include "vmm/memory/layout.hpp"

namespace vmm::virtio {
namespace {

/// Section 4.2.2.
enum Register : std::uint64_t {
  kMagic = 0x000,
  kVersion = 0x004,
  kDeviceId = 0x008,
  kVendorId = 0x00c,
  kDeviceFeatures = 0x010,
  kDeviceFeaturesHalf = 0x014,
  kDriverFeatures = 0x020,
  kDriverFeaturesHalf = 0x024,
  kQueueSelect = 0x030,
  kQueueSizeMax = 0x034,
  kQueueSize = 0x038,
  kQueueReady = 0x044,
  kQueueNotify = 0x050,
  kInterruptStatus = 0x060,
  kInterruptAcknowledge = 0x064,
  kStatus = 0x070,
  kQueueDescriptorsLow = 0x080,
  kQueueDescriptorsHigh = 0x084,
  kQueueDriverLow = 0x090,
  kQueueDriverHigh = 0x094,
  kQueueDeviceLow = 0x0a0,
  kQueueDeviceHigh = 0x0a4,
  kSharedMemoryFirst = 0x0b0,
  kSharedMemoryLast = 0x0bc,
  kConfigGeneration = 0x0fc,
  kConfig = 0x100
};

enum Status : std::uint32_t { kFeaturesOk = 8, kDriverOk = 4, kNeedsReset = 0x40, kAllStatus = 0xcf };
enum Interrupt : std::uint32_t { kUsedBuffer = 1, kConfigChange = 2 };
enum Feature : unsigned { kIndirectDescriptors = 28, kEventIndex = 29, kVersion1 = 32 };

constexpr std::uint32_t kMagicValue = 0x74726976;  // "virt"
constexpr std::uint32_t kVendor = 0x6d766264;      // "dbvm"
constexpr std::uint64_t kTransportFeatures = 1ull << kIndirectDescriptors | 1ull << kEventIndex | 1ull << kVersion1;

/// Half 0 or 1 of a 64-bit value; others are zero.
std::uint32_t half_of(std::uint64_t value, std::uint32_t half) {
  return half < 2 ? static_cast<std::uint32_t>(value >> (32 * half)) : 0;
}

void set_half(std::uint64_t& value, unsigned half, std::uint32_t to) {
  const unsigned shift = 32 * half;
  value = (value & ~(0xffffffffull << shift)) | static_cast<std::uint64_t>(to) << shift;
}

}  // namespace

MmioDevice::MmioDevice(Kind kind, DeviceMemory& memory, IrqLine irq)
    : kind_(std::move(kind)), memory_(memory), irq_(std::move(irq)) {
  kind_.features |= kTransportFeatures;
  for (unsigned i = 0; i < kind_.queues; ++i) queues_.emplace_back(memory_, kind_.queue_size);
}

std::uint64_t MmioDevice::read(std::uint64_t offset, unsigned size) {
  if (offset < kConfig) return size == 4 ? read_register(offset) : 0;
  std::uint64_t value = 0;
  for (unsigned i = 0; i < size; ++i) {
    const std::uint64_t at = offset - kConfig + i;
    if (at < kind_.config.size()) value |= std::to_integer<std::uint64_t>(kind_.config[at]) << (8 * i);
  }
  return value;
}

void MmioDevice::write(std::uint64_t offset, unsigned size, std::uint64_t value) {
  // No device here has a configuration that the driver may write, or that changes: its generation stays 0.
  if (offset < kConfig && size == 4) write_register(offset, static_cast<std::uint32_t>(value));
}

std::uint32_t MmioDevice::read_register(std::uint64_t offset) {
  // A region of shared memory that is not there: length and base all ones (4.2.2).
  if (offset >= kSharedMemoryFirst && offset <= kSharedMemoryLast) return 0xffffffff;
  const Queue* queue = selected();
  switch (offset) {
    case kMagic: return kMagicValue;
    case kVersion: return 2;
    case kDeviceId: return std::to_underlying(kind_.type);
    case kVendorId: return kVendor;
    case kDeviceFeatures: return half_of(kind_.features, regs_.device_features_half);
    case kQueueSizeMax: return queue ? queue->max_size() : 0;
    case kQueueReady: return queue && queue->ready() ? 1 : 0;
    case kInterruptStatus: return regs_.interrupts;
    case kStatus: return regs_.status;
    default: return 0;
  }
}

void MmioDevice::write_register(std::uint64_t offset, std::uint32_t value) {
  switch (offset) {
    case kDeviceFeaturesHalf: regs_.device_features_half = value; break;
    case kDriverFeaturesHalf: regs_.driver_features_half = value; break;
    case kDriverFeatures: set_driver_features(value); break;
    case kQueueSelect: regs_.queue = value; break;
    case kQueueNotify:
      if (live() && value < queues_.size()) notified(value);
      break;
    case kInterruptAcknowledge:
      regs_.interrupts &= ~value;
      irq_.set(regs_.interrupts != 0);
      break;
    case kStatus: set_status(value); break;
    default: write_queue_register(offset, value); break;
  }
}

void MmioDevice::write_queue_register(std::uint64_t offset, std::uint32_t value) {
  Queue* queue = selected();
  if (!queue) return;
  if (offset == kQueueReady) return enable_queue(*queue, value & 1);
  if (queue->ready()) return;  // 4.2.2.2: the rest is fixed while it is
  Queue::Registers& regs = queue->setup();
  switch (offset) {
    // A size that does not fit stays one that is not allowed.
    case kQueueSize: regs.size = static_cast<std::uint16_t>(std::min(value, 0xffffu)); break;
    case kQueueDescriptorsLow: set_half(regs.descriptors, 0, value); break;
    case kQueueDescriptorsHigh: set_half(regs.descriptors, 1, value); break;
    case kQueueDriverLow: set_half(regs.driver, 0, value); break;
    case kQueueDriverHigh: set_half(regs.driver, 1, value); break;
    case kQueueDeviceLow: set_half(regs.device, 0, value); break;
    case kQueueDeviceHigh: set_half(regs.device, 1, value); break;
    default: break;
  }
}

void MmioDevice::enable_queue(Queue& queue, bool on) {
  if (!on) return queue.reset();
  if (queue.ready() || regs_.status & kNeedsReset) return;
  if (const auto enabled = queue.enable(); !enabled) fail(enabled.error());
}

void MmioDevice::set_driver_features(std::uint32_t half) {
  if (regs_.status & kFeaturesOk || regs_.driver_features_half > 1) return;
  set_half(regs_.driver_features, regs_.driver_features_half, half);
}

void MmioDevice::set_status(std::uint32_t value) {
  if (value == 0) return reset();
  // Bits are set, never cleared, but by a reset (2.1.1); one of them is ours.
  std::uint32_t status = (regs_.status | value) & kAllStatus & ~std::uint32_t{kNeedsReset};
  status |= regs_.status & kNeedsReset;
  const bool acceptable = agreed(kVersion1) && (regs_.driver_features & ~kind_.features) == 0;
  if (!(regs_.status & kFeaturesOk) && !acceptable) status &= ~std::uint32_t{kFeaturesOk};
  if (!(status & kFeaturesOk)) status &= ~std::uint32_t{kDriverOk};
  const std::uint32_t risen = status & ~regs_.status;
  regs_.status = status;
  if (risen & kFeaturesOk) use_features();
  if (!(risen & kDriverOk)) return;
  for (unsigned i = 0; i < queues_.size() && live(); ++i) notified(i);
}

void MmioDevice::use_features() {
  for (Queue& queue : queues_) queue.use_event_index(agreed(kEventIndex));
}

bool MmioDevice::live() const { return (regs_.status & (kDriverOk | kNeedsReset)) == kDriverOk; }

void MmioDevice::reset() {
  regs_ = {};
  for (Queue& queue : queues_) queue.reset();
  use_features();
  irq_.set(false);
  reset_more();
}

void MmioDevice::serve(unsigned queue, const std::function<std::uint32_t(Chain&)>& handle,
                       const std::function<bool()>& more) {
  if (!live()) return;
  const auto waiting = queues_[queue].waiting();
  if (!waiting) return fail(waiting.error());
  for (unsigned left = *waiting; left > 0 && more(); --left) {
    auto chain = queues_[queue].take();
    if (!chain) return fail(chain.error());
    const std::uint32_t written = handle(*chain);
    if (!live()) return;  // it failed
    queues_[queue].give_back(*chain, written);
  }
  if (queues_[queue].interrupt_wanted()) raise(kUsedBuffer);
}

void MmioDevice::fail(Fault fault) {
  spdlog::warn("{}: the guest's driver made a mistake: {}; it has to reset the device", name(), fault);
  const bool tell = live();
  regs_.status |= kNeedsReset;
  if (tell) raise(kConfigChange);
}

void MmioDevice::raise(std::uint32_t reason) {
  regs_.interrupts |= reason;
  irq_.set(true);
}

void MmioDevice::save(StateWriter& out) const {
  out.tag(kind_.name);
  out.put(regs_);
  for (const Queue& queue : queues_) queue.save(out);
  save_more(out);
}

void MmioDevice::load(StateReader& in) {
  in.tag(kind_.name);
  regs_ = in.get<Registers>();
  for (Queue& queue : queues_) queue.load(in);
  use_features();
  irq_.set(regs_.interrupts != 0);
  load_more(in);
}

}  // namespace vmm::virtio
