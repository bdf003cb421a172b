#include "vmm/loader/image_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>

#include "vmm/base/errors.hpp"
#include "vmm/base/unique_fd.hpp"
#include "vmm/memory/layout.hpp"

namespace vmm {

ImageFile::ImageFile(const std::string& path) : path_(path) {
  // Without O_NONBLOCK, opening a FIFO would wait for a writer.
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) throw HostError::from_errno(fmt::format("cannot open '{}'", path));
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) throw HostError::from_errno(fmt::format("cannot stat '{}'", path));
  if (S_ISDIR(status.st_mode)) throw HostError(fmt::format("cannot load '{}': it is a directory", path));
  if (!S_ISREG(status.st_mode)) throw HostError(fmt::format("cannot load '{}': it is not a regular file", path));
  if (status.st_size <= 0) throw HostError(fmt::format("cannot load '{}': it is empty", path));
  mapping_ = Mapping::of_file(file.get(), static_cast<std::size_t>(status.st_size), false);
}

namespace {

BootImage with_path(const ImageFile& file, const auto& parse) {
  try {
    return parse();
  } catch (const std::exception& error) {
    throw HostError(fmt::format("'{}': {}", file.path(), error.what()));
  }
}

}  // namespace

BootImage parse_image(const ImageFile& file, const std::optional<FormatRequest>& wanted) {
  return with_path(file, [&] { return parse_image(file.bytes(), wanted); });
}

BootImage parse_firmware(const ImageFile& file) {
  return with_path(file, [&] { return firmware_image(file.bytes()); });
}

std::optional<ImageFile> vga_bios_beside(const std::string& firmware) {
  constexpr std::size_t kMost = 64 * layout::kKiB;  // what an option ROM has from 0xc0000 on
  // For a VGA on the ISA bus first: those for PCI devices do not find theirs.
  for (const char* name : {"vgabios-isavga.bin", "vgabios.bin"}) {
    const auto path = std::filesystem::path(firmware).replace_filename(name);
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(path, ignored)) continue;
    ImageFile file(path.string());
    const auto bytes = file.bytes();
    const bool option_rom = bytes.size() >= 2 && bytes[0] == std::byte{0x55} && bytes[1] == std::byte{0xaa};
    if (option_rom && bytes.size() <= kMost) return file;
  }
  return std::nullopt;
}

}  // namespace vmm
