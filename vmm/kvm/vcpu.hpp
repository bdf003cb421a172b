/// One vCPU of KVM: typed ioctls. Created and used by one thread only (KVM API document, "General description").
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "vmm/base/mapping.hpp"
#include "vmm/base/unique_fd.hpp"
#include "vmm/cpu/cpu_state.hpp"
#include "vmm/kvm/exit.hpp"
#include "vmm/kvm/vm.hpp"

struct kvm_run;

namespace vmm::kvm {

/// A debug register's job (SDM 3B 18.2.4).
struct DebugRegister {
  enum class Kind : std::uint8_t { kExecute = 0, kWrite = 1, kAccess = 3 };
  Kind kind = Kind::kExecute;
  std::uint8_t length = 1;  ///< 1, 2, 4, 8; 1 for kExecute
  std::uint64_t address = 0;
  bool operator==(const DebugRegister&) const = default;
};

/// What KVM_SET_GUEST_DEBUG arms.
struct DebugControl {
  bool step = false;
  bool block_interrupts = false;  ///< while stepping; ignored where KVM has no KVM_GUESTDBG_BLOCKIRQ
  bool trap_int3 = false;         ///< KVM_GUESTDBG_USE_SW_BP
  bool inject_int3 = false;       ///< KVM_GUESTDBG_INJECT_BP: the int3 that just exited was the guest's own
  bool general_detect = false;    ///< with a register armed: the guest's MOV to or from a debug register exits, DR6.BD
  bool trap_debug = false;        ///< #DB exits even with no register armed; the guest's own registers rest meanwhile
  std::array<std::optional<DebugRegister>, 4> registers{};
  bool any_register() const;
  bool operator==(const DebugControl&) const = default;
};

/// The guest's own debug registers, not ours.
struct GuestDebugRegisters {
  std::array<std::uint64_t, 4> db{};
  std::uint64_t dr6 = 0;
  std::uint64_t dr7 = 0;
  bool operator==(const GuestDebugRegisters&) const = default;
};

class Vcpu {
 public:
  /// With the CPUID of the VM's CpuModel, APIC id = `index`. Throws HostError.
  Vcpu(const Vm& vm, unsigned index);

  Exit run();
  /// Makes the next (or current) run() return ExitInterrupted after completing what is half done. Also called from a
  /// signal handler on this thread.
  void set_immediate_exit(bool value);
  /// The address of kvm_run::immediate_exit, for that handler.
  volatile std::uint8_t* immediate_exit_flag();

  /// The state; free after run() where KVM_CAP_SYNC_REGS exists.
  CpuState state();
  /// Writes what differs from the present state. Throws HostError when KVM refuses it.
  void set_state(const CpuState& state);
  ExtendedState extended_state();
  void set_extended_state(const ExtendedState& state);

  void set_debug(const DebugControl& control);

  enum class Activity : std::uint8_t { kRunning, kHalted, kWaitingForSipi };
  Activity activity();
  void set_running();
  /// As HLT leaves it: the next run waits for an interrupt.
  void set_halted();
  /// Makes the exception pending, as if the current instruction had raised it.
  void inject_exception(std::uint8_t vector, std::optional<std::uint32_t> error_code);
  /// #DB becomes pending, and the guest will find these bits in DR6 (SDM 3B 18.2.3).
  void raise_debug_exception(std::uint64_t dr6);
  /// A model-specific register; 0 when there is no such.
  std::uint64_t msr(std::uint32_t index);
  /// False when KVM refuses the value, or has no such MSR.
  bool set_msr(std::uint32_t index, std::uint64_t value);
  /// Does the access that left the guest; the next run() ends its instruction. The value read or written; empty when
  /// KVM refused, and then the guest gets #GP. KVM does it as for a host, which may write a little more than a guest
  /// may, such as MSRs that are read-only to it.
  std::optional<std::uint64_t> complete_msr(const ExitMsr& access);

  GuestDebugRegisters guest_debug_registers();
  void set_guest_debug_registers(const GuestDebugRegisters& registers);
  /// Tells a guest that uses kvmclock that it was stopped, so that its watchdogs stay calm (KVM_KVMCLOCK_CTRL); nothing
  /// to others, nor where KVM can't.
  void note_paused();

 private:
  Exit decode();
  std::optional<std::uint64_t> find_msr(std::uint32_t index);
  bool has(int capability) const { return vm_.system().extension(capability) != 0; }

  const Vm& vm_;
  UniqueFd fd_;
  Mapping run_page_;
  ::kvm_run* run_;
  bool sync_regs_;
  bool synced_ = false;  // the sync area holds the state of the last exit and nothing was set since
  std::uint32_t debug_flags_supported_ = 0;
  std::optional<DebugControl> armed_;
};

std::string_view name_of(Vcpu::Activity activity);

}  // namespace vmm::kvm
