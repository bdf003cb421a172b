#include "vmm/machine/firmware_platform.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <string>

using namespace vmm;

namespace {

/// Empty: there is no such file.
std::string file(const FwCfg::Contents& contents, std::string_view name) {
  const auto row = std::ranges::find(contents.files, name, &FwCfg::File::name);
  if (row == contents.files.end()) return {};
  std::string text;
  for (const std::byte byte : row->bytes) text += static_cast<char>(byte);
  return text;
}

}  // namespace

TEST_CASE("virtio disks that come first are in the boot order") {
  const GuestMemory memory(layout::kMinRam, layout::kRomGranule);
  const std::array slots{layout::virtio_slot(0), layout::virtio_slot(1), layout::virtio_slot(2)};
  const auto contents = firmware_contents(memory, 1, slots, std::span(slots).first(2), {});
  CHECK(file(contents, "bootorder") == std::string("/virtio-mmio@00000000d0000000/disk@0,0\n"
                                                   "/virtio-mmio@00000000d0001000/disk@0,0\n") +
                                           '\0');
}

TEST_CASE("without virtio disks at its head the boot order is the firmware's own") {
  const GuestMemory memory(layout::kMinRam, layout::kRomGranule);
  const auto contents = firmware_contents(memory, 1, {}, {}, {});
  CHECK(file(contents, "bootorder").empty());
  CHECK(file(contents, "etc/e820").size() == std::size_t{2} * 20);
  CHECK(file(contents, "vgaroms/vgabios.bin").empty());
}

TEST_CASE("a VGA BIOS is handed to the firmware as it is") {
  const GuestMemory memory(layout::kMinRam, layout::kRomGranule);
  constexpr std::array kRom{std::byte{0x55}, std::byte{0xaa}, std::byte{0x01}};
  const auto contents = firmware_contents(memory, 1, {}, {}, kRom);
  CHECK(file(contents, "vgaroms/vgabios.bin") == "\x55\xaa\x01");
}
