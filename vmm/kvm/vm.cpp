#include "vmm/kvm/vm.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "vmm/kvm/ioctl.hpp"
#include "vmm/kvm/kvm_api.hpp"
#include "vmm/memory/layout.hpp"

namespace vmm::kvm {

namespace {

UniqueFd create_vm(const System& system) {
  int fd = -1;
  do {
    fd = ::ioctl(system.fd(), KVM_CREATE_VM, 0);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) throw HostError::from_errno("KVM_CREATE_VM");
  return UniqueFd(fd);
}

}  // namespace

Vm::Vm(const System& system, const GuestMemory& memory, Chips chips, CpuModel cpu_model)
    : system_(system), memory_(memory), cpu_model_(std::move(cpu_model)), fd_(create_vm(system)) {
  // VT-x without unrestricted guests runs real mode inside a hidden TSS and identity map (KVM API 4.35, 4.38).
  if (system.extension(KVM_CAP_SET_IDENTITY_MAP_ADDR) != 0) {
    std::uint64_t address = layout::kIdentityMapForKvm;
    checked_ioctl(fd(), KVM_SET_IDENTITY_MAP_ADDR, "KVM_SET_IDENTITY_MAP_ADDR", &address);
  }
  if (system.extension(KVM_CAP_SET_TSS_ADDR) != 0) {
    checked_ioctl(fd(), KVM_SET_TSS_ADDR, "KVM_SET_TSS_ADDR", static_cast<unsigned long>(layout::kTssForKvm));
  }
  if (chips == Chips::kIrqchipAndPit) {
    checked_ioctl(fd(), KVM_CREATE_IRQCHIP, "KVM_CREATE_IRQCHIP", 0);
    ::kvm_pit_config pit{};
    pit.flags = KVM_PIT_SPEAKER_DUMMY;
    checked_ioctl(fd(), KVM_CREATE_PIT2, "KVM_CREATE_PIT2", &pit);
    if (system.extension(KVM_CAP_REINJECT_CONTROL) != 0) {
      // The ticks that a stopped guest misses are not made up for when it runs on. KVM takes 15 ms for it, in which the
      // rest can be made: a guest has missed none by then.
      ticks_dropped_ = std::async(std::launch::async, [vm = fd()] {
        ::kvm_reinject_control reinject{};
        checked_ioctl(vm, KVM_REINJECT_CONTROL, "KVM_REINJECT_CONTROL", &reinject);
      });
    }
  }
  // Else KVM gives the guest a #UD for what its emulator cannot do, such as a fetch from a protected page: in user mode
  // without a word to us, in the kernel beside the exit.
  if (system.extension(KVM_CAP_EXIT_ON_EMULATION_FAILURE) != 0) {
    ::kvm_enable_cap enable{};
    enable.cap = KVM_CAP_EXIT_ON_EMULATION_FAILURE;
    enable.args[0] = 1;
    checked_ioctl(fd(), KVM_ENABLE_CAP, "KVM_ENABLE_CAP(EXIT_ON_EMULATION_FAILURE)", &enable);
  }
  protect({});
}

void Vm::set_slot(std::uint32_t id, const MemorySlot& slot) const {
  ::kvm_userspace_memory_region row{};
  row.slot = id;
  row.flags = slot.read_only ? KVM_MEM_READONLY : 0;
  row.guest_phys_addr = slot.base;
  row.memory_size = slot.size;
  row.userspace_addr = reinterpret_cast<std::uint64_t>(slot.host);
  checked_ioctl(fd(), KVM_SET_USER_MEMORY_REGION, "KVM_SET_USER_MEMORY_REGION", &row);
}

void Vm::protect(std::span<const ProtectedPage> pages) {
  const std::vector<MemorySlot> wanted = slot_layout(memory_.regions(), pages);
  // Said before anything changes: what KVM refuses in the middle would leave a guest with half its memory.
  const auto most = static_cast<std::size_t>(system_.extension(KVM_CAP_NR_MEMSLOTS));
  if (wanted.size() > most) {
    throw HostError(fmt::format("{} memory slots for {} protected pages: this host's KVM has {}", wanted.size(),
                                pages.size(), most));
  }
  if (std::ranges::any_of(wanted, &MemorySlot::read_only) && system_.extension(KVM_CAP_READONLY_MEM) == 0) {
    throw HostError("this host's KVM has no read-only memory slots (KVM_CAP_READONLY_MEM)");
  }
  // A slot's flags and size can't change while it exists (KVM API document 4.35), and slots may not overlap: first go
  // the old ones, then come the new ones.
  std::erase_if(slots_, [&](const auto& present) {
    const Slot& slot = present.second;
    const auto same = std::ranges::lower_bound(wanted, slot.memory.base, {}, &MemorySlot::base);
    if (same != wanted.end() && *same == slot.memory) return false;
    set_slot(slot.id, {.base = slot.memory.base, .size = 0, .host = slot.memory.host, .read_only = false});
    free_ids_.push_back(slot.id);
    return true;
  });
  for (const MemorySlot& memory : wanted) {
    if (slots_.contains(memory.base)) continue;
    const bool recycled = !free_ids_.empty();
    const auto id = recycled ? free_ids_.back() : static_cast<std::uint32_t>(slots_.size());
    set_slot(id, memory);
    slots_.emplace(memory.base, Slot{id, memory});
    if (recycled) free_ids_.pop_back();
  }
}

std::expected<void, std::string> Vm::trap_msrs(std::span<const MsrRange> ranges) {
  if (ranges.empty() && !msr_exits_enabled_) return {};
  auto rows = msr_filter(ranges);
  if (!rows) return std::unexpected(rows.error());
  if (system_.extension(KVM_CAP_X86_USER_SPACE_MSR) == 0 || system_.extension(KVM_CAP_X86_MSR_FILTER) == 0) {
    return std::unexpected("this host's KVM can't trap MSRs (KVM_CAP_X86_MSR_FILTER)");
  }
  if (!msr_exits_enabled_) {
    ::kvm_enable_cap enable{};
    enable.cap = KVM_CAP_X86_USER_SPACE_MSR;
    enable.args[0] = KVM_MSR_EXIT_REASON_FILTER;
    checked_ioctl(fd(), KVM_ENABLE_CAP, "KVM_ENABLE_CAP(X86_USER_SPACE_MSR)", &enable);
    msr_exits_enabled_ = true;
  }
  ::kvm_msr_filter filter{};
  filter.flags = KVM_MSR_FILTER_DEFAULT_ALLOW;
  for (std::size_t i = 0; i < rows->size(); ++i) {
    MsrFilterRow& row = (*rows)[i];
    filter.ranges[i] = {.flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
                        .nmsrs = row.count,
                        .base = row.first,
                        .bitmap = reinterpret_cast<__u8*>(row.allowed.data())};
  }
  checked_ioctl(fd(), KVM_X86_SET_MSR_FILTER, "KVM_X86_SET_MSR_FILTER", &filter);
  return {};
}

std::uint64_t Vm::clock() const {
  ::kvm_clock_data data{};
  checked_ioctl(fd(), KVM_GET_CLOCK, "KVM_GET_CLOCK", &data);
  return data.clock;
}

void Vm::set_clock(std::uint64_t nanoseconds) const {
  // No flags: with KVM_CLOCK_REALTIME it would add the time that passed since KVM_GET_CLOCK.
  ::kvm_clock_data data{};
  data.clock = nanoseconds;
  checked_ioctl(fd(), KVM_SET_CLOCK, "KVM_SET_CLOCK", &data);
}

void Vm::set_irq(std::uint32_t gsi, bool level) const {
  ::kvm_irq_level row{};
  row.irq = gsi;
  row.level = level ? 1 : 0;
  checked_ioctl(fd(), KVM_IRQ_LINE, "KVM_IRQ_LINE", &row);
}

UniqueFd Vm::create_vcpu(unsigned index) const {
  return UniqueFd(checked_ioctl(fd(), KVM_CREATE_VCPU, "KVM_CREATE_VCPU", static_cast<unsigned long>(index)));
}

}  // namespace vmm::kvm
