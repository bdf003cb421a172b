#include "vmm/loader/image_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "vmm/base/errors.hpp"
#include "vmm/base/unique_fd.hpp"

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

}  // namespace vmm
