#include <algorithm>
#include <string_view>

#include "vmm/base/byte_reader.hpp"
#include "vmm/cpu/entry_state.hpp"
#include "vmm/loader/formats.hpp"

namespace vmm {
namespace {

constexpr std::uint64_t kLoadAddress = 0x7c00;
constexpr std::uint64_t kSectorSize = 512;
constexpr std::uint64_t kSignatureOffset = 510;
constexpr std::uint16_t kSignature = 0xaa55;
constexpr std::uint64_t kFirstDisk = 0x80;  // BIOS number, in DL

// Linux kernels have a boot sector's signature too (Documentation/arch/x86/boot.rst, "header").
constexpr std::uint64_t kLinuxMagicOffset = 0x202;
constexpr std::uint32_t kLinuxMagic = 0x53726448;

}  // namespace

std::optional<BootImage> parse_boot_sector(FileBytes bytes) {
  const ByteReader file(bytes, "boot-sector");
  if (!file.has(0, kSectorSize) || file.load<std::uint16_t>(kSignatureOffset, "signature") != kSignature) return {};
  if (file.has(kLinuxMagicOffset, 4) && file.load<std::uint32_t>(kLinuxMagicOffset, "HdrS") == kLinuxMagic) {
    file.fail("HdrS", kLinuxMagicOffset, "this is a Linux kernel: use --format bzimage");
  }
  BootImage image;
  image.format = ImageFormat::kBootSector;
  image.entry = kLoadAddress;
  image.segments.push_back(
      {.physical = kLoadAddress, .link = kLoadAddress, .memory_size = kSectorSize, .bytes = bytes.first(kSectorSize)});
  return image;
}

CpuState place_boot_sector(Placement& placement, const CpuState& reset) {
  CpuState state = real_mode_entry(reset, placement.image().entry);
  state.gpr[kRdx] = kFirstDisk;
  state.gpr[kRsp] = kLoadAddress;
  return state;
}

}  // namespace vmm
