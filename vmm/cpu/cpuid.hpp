/// What CPUID tells the guest: what KVM supports on this host, with the topology of this VM, less and plus what the
/// user asks for (`--cpu`). Values only; vmm/kvm gives it to KVM.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vmm {

/// One leaf's answer.
struct CpuidEntry {
  std::uint32_t leaf = 0;
  std::uint32_t subleaf = 0;
  std::uint32_t flags = 0;  ///< KVM's: whether the subleaf counts
  std::uint32_t eax = 0;
  std::uint32_t ebx = 0;
  std::uint32_t ecx = 0;
  std::uint32_t edx = 0;
  bool operator==(const CpuidEntry&) const = default;
};

/// A bit of CPUID that has a name.
struct CpuFeature {
  std::uint32_t leaf = 0;
  std::uint32_t subleaf = 0;
  std::uint32_t CpuidEntry::* word = nullptr;
  unsigned bit = 0;
};

/// One wish of `--cpu`.
struct CpuFeatureChange {
  std::string name;  ///< as written
  CpuFeature feature;
  bool wanted = false;
};
using CpuPolicy = std::vector<CpuFeatureChange>;

/// "avx2,-xsave,+kvmclock": names as in /proc/cpuinfo or QEMU; `_`, `.` and `-` in them don't count; later ones win.
/// Throws HostError, one line, for a name that is none, with those that are near.
CpuPolicy parse_cpu_policy(std::string_view text);

struct CpuPlace {
  unsigned index = 0;  ///< and local APIC id
  unsigned cpus = 1;
  bool deadline_timer = false;  ///< KVM has the LAPIC's TSC-deadline mode, which its list of features leaves out
};

/// `supported` (KVM_GET_SUPPORTED_CPUID) as one CPU is to see it: all CPUs are cores of one package, without
/// hyper-threads (SDM 2A, CPUID; AMD APM 3, appendix E). Throws HostError when the policy wants what is not supported.
std::vector<CpuidEntry> guest_cpuid(std::vector<CpuidEntry> supported, const CpuPolicy& policy, const CpuPlace& place);

}  // namespace vmm
