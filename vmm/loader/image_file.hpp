/// A file given on the command line (image, initrd, module), mapped read-only for as long as the object lives.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "vmm/base/mapping.hpp"

namespace vmm {

class ImageFile {
 public:
  /// Throws HostError, one line with the path, for what is missing, unreadable, empty, or no regular file.
  explicit ImageFile(const std::string& path);

  /// Stays valid when the object moves.
  std::span<const std::byte> bytes() const { return mapping_.bytes(); }

 private:
  Mapping mapping_;
};

}  // namespace vmm
