/// A file given on the command line (image, initrd, module), mapped read-only for as long as the object lives.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "vmm/base/mapping.hpp"
#include "vmm/loader/boot_image.hpp"

namespace vmm {

class ImageFile {
 public:
  /// Throws HostError, one line with the path, for what is missing, unreadable, empty, or no regular file.
  explicit ImageFile(const std::string& path);

  /// Stays valid when the object moves.
  std::span<const std::byte> bytes() const { return mapping_.bytes(); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  Mapping mapping_;
};

/// parse_image() of the file; what is wrong with it becomes a HostError that names the file.
BootImage parse_image(const ImageFile& file, const std::optional<FormatRequest>& wanted);
/// firmware_image(), likewise.
BootImage parse_firmware(const ImageFile& file);
/// The VGA BIOS that lies beside the firmware, under a name that SeaBIOS's build or Debian's package gives it; empty:
/// there is none. Throws HostError when it can't be read.
std::optional<ImageFile> vga_bios_beside(const std::string& firmware);

}  // namespace vmm
