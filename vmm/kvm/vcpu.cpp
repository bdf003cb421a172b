#include "vmm/kvm/vcpu.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "vmm/cpu/cpuid.hpp"
#include "vmm/kvm/convert.hpp"
#include "vmm/kvm/ioctl.hpp"
#include "vmm/kvm/kvm_api.hpp"

namespace vmm::kvm {

namespace {

constexpr std::uint32_t kMsrKernelGsBase = 0xc0000102;

void set_cpuid(const Vm& vm, int vcpu_fd, unsigned index) {
  const ::kvm_cpuid2& supported = vm.system().supported_cpuid();
  std::vector<CpuidEntry> entries;
  for (const ::kvm_cpuid_entry2& row : std::span(supported.entries, supported.nent)) {
    entries.push_back({row.function, row.index, row.flags, row.eax, row.ebx, row.ecx, row.edx});
  }
  const CpuPlace place{.index = index,
                       .cpus = vm.cpu_model().cpus,
                       .deadline_timer = vm.system().extension(KVM_CAP_TSC_DEADLINE_TIMER) != 0};
  entries = guest_cpuid(std::move(entries), vm.cpu_model().policy, place);

  std::vector<std::byte> buffer(sizeof(::kvm_cpuid2) + entries.size() * sizeof(::kvm_cpuid_entry2));
  auto* cpuid = reinterpret_cast<::kvm_cpuid2*>(buffer.data());
  cpuid->nent = static_cast<std::uint32_t>(entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const CpuidEntry& row = entries[i];
    cpuid->entries[i] = {.function = row.leaf,
                         .index = row.subleaf,
                         .flags = row.flags,
                         .eax = row.eax,
                         .ebx = row.ebx,
                         .ecx = row.ecx,
                         .edx = row.edx,
                         .padding = {}};
  }
  checked_ioctl(vcpu_fd, KVM_SET_CPUID2, "KVM_SET_CPUID2", cpuid);
}

bool same_general(const CpuState& a, const CpuState& b) {
  return a.gpr == b.gpr && a.rip == b.rip && a.rflags == b.rflags;
}

bool same_system(CpuState a, const CpuState& b) {
  a.gpr = b.gpr;
  a.rip = b.rip;
  a.rflags = b.rflags;
  return a == b;
}

std::string_view name_of_suberror(std::uint32_t suberror) {
  switch (suberror) {
    case KVM_INTERNAL_ERROR_EMULATION: return "emulation failure";
    case KVM_INTERNAL_ERROR_SIMUL_EX: return "simultaneous exceptions";
    case KVM_INTERNAL_ERROR_DELIVERY_EV: return "a fault while delivering an event";
    case KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON: return "unexpected exit reason";
    default: return "unknown";
  }
}

}  // namespace

bool DebugControl::any_register() const {
  return std::ranges::any_of(registers, [](const auto& row) { return row.has_value(); });
}

Vcpu::Vcpu(const Vm& vm, unsigned index)
    : vm_(vm),
      fd_(vm.create_vcpu(index)),
      run_page_(Mapping::of_file(fd_.get(), vm.system().run_size(), true)),
      run_(reinterpret_cast<::kvm_run*>(run_page_.data())) {
  const int wanted = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
  sync_regs_ = (vm.system().extension(KVM_CAP_SYNC_REGS) & wanted) == wanted;
  if (sync_regs_) run_->kvm_valid_regs = wanted;
  debug_flags_supported_ = static_cast<std::uint32_t>(vm.system().extension(KVM_CAP_SET_GUEST_DEBUG2));
  set_cpuid(vm, fd_.get(), index);
}

void Vcpu::set_immediate_exit(bool value) { *immediate_exit_flag() = value ? 1 : 0; }

volatile std::uint8_t* Vcpu::immediate_exit_flag() { return &run_->immediate_exit; }

Exit Vcpu::run() {
  const int result = ::ioctl(fd_.get(), KVM_RUN, 0);
  const int error = errno;
  synced_ = sync_regs_;
  if (result == 0) return decode();
  if (error == EINTR || error == EAGAIN) return ExitInterrupted{};
  return ExitHostFault{fmt::format("KVM_RUN failed: {}", std::strerror(error))};
}

Exit Vcpu::decode() {
  switch (run_->exit_reason) {
    case KVM_EXIT_IO: {
      auto& io = run_->io;
      const std::size_t size = std::size_t{io.size} * io.count;
      return ExitIo{.in = io.direction == KVM_EXIT_IO_IN,
                    .size = io.size,
                    .port = io.port,
                    .count = io.count,
                    .data = run_page_.bytes().subspan(io.data_offset, size)};
    }
    case KVM_EXIT_MMIO: {
      auto& mmio = run_->mmio;
      return ExitMmio{.write = mmio.is_write != 0,
                      .address = mmio.phys_addr,
                      .data = std::as_writable_bytes(std::span(mmio.data)).first(std::min<std::size_t>(mmio.len, 8))};
    }
    case KVM_EXIT_DEBUG: {
      const auto& debug = run_->debug.arch;
      constexpr std::uint32_t kVectorDb = 1;  // for others KVM leaves the last #DB's DR6 there
      return ExitDebug{
          .exception = debug.exception, .linear_pc = debug.pc, .dr6 = debug.exception == kVectorDb ? debug.dr6 : 0};
    }
    case KVM_EXIT_X86_RDMSR:
    case KVM_EXIT_X86_WRMSR: {
      const auto& msr = run_->msr;
      return ExitMsr{.write = run_->exit_reason == KVM_EXIT_X86_WRMSR, .index = msr.index, .data = msr.data};
    }
    case KVM_EXIT_HLT: return ExitHalt{};
    case KVM_EXIT_SHUTDOWN: return ExitShutdown{};
    case KVM_EXIT_INTR: return ExitInterrupted{};
    case KVM_EXIT_IRQ_WINDOW_OPEN: return ExitInterrupted{};
    case KVM_EXIT_INTERNAL_ERROR: {
      if (run_->internal.suberror != KVM_INTERNAL_ERROR_EMULATION) {
        return ExitHostFault{fmt::format("KVM internal error {} ({})", run_->internal.suberror,
                                         name_of_suberror(run_->internal.suberror))};
      }
      const auto& failure = run_->emulation_failure;
      ExitEmulationFailure exit;
      const bool has_bytes =
          failure.ndata >= 3 && (failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES) != 0;
      if (has_bytes) {
        const auto bytes = std::as_bytes(std::span(failure.insn_bytes));
        exit.bytes.assign(bytes.begin(), bytes.begin() + std::min<std::ptrdiff_t>(failure.insn_size, 15));
      }
      return exit;
    }
    case KVM_EXIT_FAIL_ENTRY:
      return ExitHostFault{
          fmt::format("the CPU refused to enter the guest (hardware reason {:#x}): its state is invalid",
                      run_->fail_entry.hardware_entry_failure_reason)};
    case KVM_EXIT_SYSTEM_EVENT: return ExitShutdown{};
    default: return ExitHostFault{fmt::format("KVM exit reason {} is not handled", run_->exit_reason)};
  }
}

CpuState Vcpu::state() {
  if (synced_) return from_kvm(run_->s.regs.regs, run_->s.regs.sregs);
  ::kvm_regs regs{};
  ::kvm_sregs sregs{};
  checked_ioctl(fd_.get(), KVM_GET_REGS, "KVM_GET_REGS", &regs);
  checked_ioctl(fd_.get(), KVM_GET_SREGS, "KVM_GET_SREGS", &sregs);
  return from_kvm(regs, sregs);
}

void Vcpu::set_state(const CpuState& wanted) {
  const CpuState present = state();
  if (wanted == present) return;
  // The sync area is not used for writes: KVM would apply it inside KVM_RUN, after the step was armed for the old rip.
  if (!same_system(present, wanted)) {
    ::kvm_sregs sregs{};
    to_kvm(wanted, sregs);
    checked_ioctl(fd_.get(), KVM_SET_SREGS, "KVM_SET_SREGS", &sregs);
  }
  if (!same_general(present, wanted)) {
    ::kvm_regs regs{};
    to_kvm(wanted, regs);
    checked_ioctl(fd_.get(), KVM_SET_REGS, "KVM_SET_REGS", &regs);
  }
  synced_ = false;
}

std::optional<std::uint64_t> Vcpu::find_msr(std::uint32_t index) {
  OneMsr request{};
  request.header.nmsrs = 1;
  request.entry.index = index;
  if (checked_ioctl(fd_.get(), KVM_GET_MSRS, "KVM_GET_MSRS", &request) != 1) return std::nullopt;
  return request.entry.data;
}

std::uint64_t Vcpu::msr(std::uint32_t index) { return find_msr(index).value_or(0); }

bool Vcpu::set_msr(std::uint32_t index, std::uint64_t value) {
  OneMsr request{};
  request.header.nmsrs = 1;
  request.entry.index = index;
  request.entry.data = value;
  const bool taken = checked_ioctl(fd_.get(), KVM_SET_MSRS, "KVM_SET_MSRS", &request) == 1;
  // What run() brought along (EFER, the bases of FS and GS) may be out of date now.
  synced_ = false;
  return taken;
}

ExtendedState Vcpu::extended_state() {
  ::kvm_xsave area{};
  checked_ioctl(fd_.get(), KVM_GET_XSAVE, "KVM_GET_XSAVE", &area);
  ExtendedState state;
  from_xsave(std::as_bytes(std::span(area.region)), state);
  state.kernel_gs_base = msr(kMsrKernelGsBase);
  return state;
}

void Vcpu::set_extended_state(const ExtendedState& state) {
  ::kvm_xsave area{};
  checked_ioctl(fd_.get(), KVM_GET_XSAVE, "KVM_GET_XSAVE", &area);
  to_xsave(state, std::as_writable_bytes(std::span(area.region)));
  checked_ioctl(fd_.get(), KVM_SET_XSAVE, "KVM_SET_XSAVE", &area);

  if (state.kernel_gs_base == msr(kMsrKernelGsBase)) return;
  if (!set_msr(kMsrKernelGsBase, state.kernel_gs_base)) {
    throw HostError("KVM refused the value of IA32_KERNEL_GS_BASE (is it canonical?)");
  }
}

void Vcpu::set_debug(const DebugControl& control) {
  // A step is armed for the rip it starts at, so it is armed anew each time.
  if (armed_ == control && !control.step && !control.inject_int3) return;
  ::kvm_guest_debug request{};
  if (control.step) request.control |= KVM_GUESTDBG_SINGLESTEP;
  if (control.step && control.block_interrupts) request.control |= debug_flags_supported_ & KVM_GUESTDBG_BLOCKIRQ;
  if (control.trap_int3) request.control |= KVM_GUESTDBG_USE_SW_BP;
  if (control.inject_int3) request.control |= KVM_GUESTDBG_INJECT_BP;
  if (control.any_register() || control.trap_debug) {
    request.control |= KVM_GUESTDBG_USE_HW_BP;
    for (std::size_t i = 0; i < control.registers.size(); ++i) {
      const auto& row = control.registers[i];
      if (!row) continue;
      // DR7: G(i) at bit 2i+1, R/W(i) at 16+4i, LEN(i) at 18+4i with 8 bytes coded as 2 (SDM 3B 18.2.4).
      const std::uint64_t length = row->length == 8 ? 2U : row->length - 1U;
      request.arch.debugreg[i] = row->address;
      request.arch.debugreg[7] |=
          (2ULL << (2 * i)) | (static_cast<std::uint64_t>(row->kind) << (16 + 4 * i)) | (length << (18 + 4 * i));
    }
    request.arch.debugreg[7] |= 0x600;
    if (control.general_detect) request.arch.debugreg[7] |= 1U << 13;  // GD
  }
  if (request.control != 0) request.control |= KVM_GUESTDBG_ENABLE;
  checked_ioctl(fd_.get(), KVM_SET_GUEST_DEBUG, "KVM_SET_GUEST_DEBUG", &request);
  armed_ = control;
  armed_->inject_int3 = false;
}

Vcpu::Activity Vcpu::activity() {
  ::kvm_mp_state state{};
  checked_ioctl(fd_.get(), KVM_GET_MP_STATE, "KVM_GET_MP_STATE", &state);
  switch (state.mp_state) {
    case KVM_MP_STATE_HALTED: return Activity::kHalted;
    case KVM_MP_STATE_UNINITIALIZED:
    case KVM_MP_STATE_INIT_RECEIVED:
    case KVM_MP_STATE_SIPI_RECEIVED: return Activity::kWaitingForSipi;
    default: return Activity::kRunning;
  }
}

std::string_view name_of(Vcpu::Activity activity) {
  constexpr std::array<std::string_view, 3> kNames{"running", "halted", "waiting for SIPI"};
  return kNames.at(static_cast<std::size_t>(activity));
}

void Vcpu::set_running() {
  ::kvm_mp_state state{KVM_MP_STATE_RUNNABLE};
  checked_ioctl(fd_.get(), KVM_SET_MP_STATE, "KVM_SET_MP_STATE", &state);
}

void Vcpu::set_halted() {
  ::kvm_vcpu_events events{};
  checked_ioctl(fd_.get(), KVM_GET_VCPU_EVENTS, "KVM_GET_VCPU_EVENTS", &events);
  events.flags |= KVM_VCPUEVENT_VALID_SHADOW;  // of an STI before it: over
  events.interrupt.shadow = 0;
  checked_ioctl(fd_.get(), KVM_SET_VCPU_EVENTS, "KVM_SET_VCPU_EVENTS", &events);
  ::kvm_mp_state state{KVM_MP_STATE_HALTED};
  checked_ioctl(fd_.get(), KVM_SET_MP_STATE, "KVM_SET_MP_STATE", &state);
}

void Vcpu::inject_exception(std::uint8_t vector, std::optional<std::uint32_t> error_code) {
  ::kvm_vcpu_events events{};
  checked_ioctl(fd_.get(), KVM_GET_VCPU_EVENTS, "KVM_GET_VCPU_EVENTS", &events);
  events.exception.injected = 1;
  events.exception.nr = vector;
  events.exception.has_error_code = error_code.has_value();
  events.exception.error_code = error_code.value_or(0);
  checked_ioctl(fd_.get(), KVM_SET_VCPU_EVENTS, "KVM_SET_VCPU_EVENTS", &events);
}

std::optional<std::uint64_t> Vcpu::complete_msr(const ExitMsr& access) {
  std::optional<std::uint64_t> value;
  if (!access.write) {
    value = find_msr(access.index);
  } else if (set_msr(access.index, access.data)) {
    value = access.data;
  }
  run_->msr.error = value ? 0 : 1;
  if (value) run_->msr.data = *value;
  return value;
}

void Vcpu::raise_debug_exception(std::uint64_t dr6) {
  constexpr std::uint8_t kVectorDb = 1;
  if (dr6 != 0) {
    GuestDebugRegisters registers = guest_debug_registers();
    registers.dr6 |= dr6;
    set_guest_debug_registers(registers);
  }
  inject_exception(kVectorDb, std::nullopt);
}

GuestDebugRegisters Vcpu::guest_debug_registers() {
  ::kvm_debugregs raw{};
  checked_ioctl(fd_.get(), KVM_GET_DEBUGREGS, "KVM_GET_DEBUGREGS", &raw);
  GuestDebugRegisters registers{.db = {}, .dr6 = raw.dr6, .dr7 = raw.dr7};
  std::ranges::copy(raw.db, registers.db.begin());
  return registers;
}

void Vcpu::set_guest_debug_registers(const GuestDebugRegisters& registers) {
  ::kvm_debugregs raw{};
  std::ranges::copy(registers.db, std::begin(raw.db));
  raw.dr6 = registers.dr6;
  raw.dr7 = registers.dr7;
  checked_ioctl(fd_.get(), KVM_SET_DEBUGREGS, "KVM_SET_DEBUGREGS", &raw);
}

void Vcpu::note_paused() { (void)::ioctl(fd_.get(), KVM_KVMCLOCK_CTRL, 0); }

}  // namespace vmm::kvm
