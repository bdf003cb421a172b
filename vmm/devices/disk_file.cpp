#include "vmm/devices/disk_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "vmm/base/errors.hpp"

namespace vmm {
namespace {

// QEMU's locks (its block/file-posix.c): a byte range for each right that a program has, and for each that it bears
// nobody else to have; all are shared locks, which are tested for by asking for an exclusive one.
constexpr off_t kReads = 100;
constexpr off_t kWrites = 101;
constexpr off_t kNoOtherWriter = 201;

struct flock byte_lock(short type, off_t at) {
  struct flock lock{};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = at;
  lock.l_len = 1;
  return lock;
}

bool held_by_another(int fd, off_t at) {
  auto lock = byte_lock(F_WRLCK, at);
  return ::fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/// All of `bytes`, or up to the file's end; the rest becomes zero.
bool read_all(int fd, std::uint64_t offset, std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const auto count = ::pread(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    if (count == 0) break;
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  std::ranges::fill(bytes, std::byte{0});
  return true;
}

bool write_all(int fd, std::uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto count = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return true;
}

UniqueFd unlinked_file() {
  std::string name = (std::filesystem::temp_directory_path() / "gdbvm-snapshot-XXXXXX").string();
  UniqueFd file(::mkostemp(name.data(), O_CLOEXEC));
  if (!file) throw HostError::from_errno("a drive with snapshot needs a temporary file: mkostemp " + name);
  ::unlink(name.c_str());
  return file;
}

}  // namespace

DiskFile::DiskFile(const DriveSpec& spec) : path_(spec.path), read_only_(spec.read_only) {
  const bool writing = !spec.read_only && !spec.snapshot;
  open(writing);
  lock(writing);
  if (spec.snapshot && !spec.read_only) overlay_ = unlinked_file();
}

void DiskFile::open(bool writing) {
  struct stat status{};
  // Before it is opened: a directory's error would be misleading, a FIFO would wait for its other end.
  if (::stat(path_.c_str(), &status) != 0) throw HostError::from_errno(fmt::format("drive: cannot open '{}'", path_));
  if (S_ISDIR(status.st_mode)) throw HostError(fmt::format("drive: '{}' is a directory, not a disk image", path_));
  if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)) {
    throw HostError(fmt::format("drive: '{}' is neither a file nor a block device", path_));
  }
  file_ = UniqueFd(::open(path_.c_str(), (writing ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK));
  if (!file_ && writing && (errno == EACCES || errno == EPERM || errno == EROFS || errno == ETXTBSY)) {
    throw HostError(fmt::format("drive: '{0}' cannot be written ({1}): say '{0},ro', or '{0},snapshot' to drop writes",
                                path_, std::strerror(errno)));
  }
  if (!file_) throw HostError::from_errno(fmt::format("drive: cannot open '{}'", path_));
  const auto end = ::lseek(file_.get(), 0, SEEK_END);
  if (end < 0) throw HostError::from_errno(fmt::format("drive: the size of '{}'", path_));
  if (end == 0) throw HostError(fmt::format("drive: '{}' is empty: give it a size first (truncate -s)", path_));
  size_ = static_cast<std::uint64_t>(end);
}

void DiskFile::lock(bool writing) {
  for (const off_t at : {kReads, kNoOtherWriter, kWrites}) {
    if (at == kWrites && !writing) continue;
    auto lock = byte_lock(F_RDLCK, at);
    if (::fcntl(file_.get(), F_OFD_SETLK, &lock) == 0) continue;
    if (errno != EAGAIN && errno != EACCES) return;  // a file system without locks
    throw HostError(fmt::format("drive: '{}' is locked by another program", path_));
  }
  // Own locks first: of two that come at the same time, one at least sees the other.
  if (held_by_another(file_.get(), kWrites)) {
    throw HostError(fmt::format("drive: another program (or --drive) writes to '{}'", path_));
  }
  if (writing && held_by_another(file_.get(), kNoOtherWriter)) {
    throw HostError(fmt::format(
        "drive: another program (or --drive) uses '{0}': end it, or say '{0},snapshot' to drop writes", path_));
  }
}

bool DiskFile::in_overlay(std::uint64_t sector) const {
  const auto chunk = written_.find(sector / Chunk().size());
  return chunk != written_.end() && chunk->second.test(sector % Chunk().size());
}

bool DiskFile::read(std::uint64_t sector, std::span<std::byte> bytes) {
  if (!inside(sector, bytes.size())) return false;
  while (!bytes.empty()) {
    const bool overlaid = in_overlay(sector);
    std::uint64_t run = 1;  // sectors that lie in the same place
    while (run * kSectorSize < bytes.size() && in_overlay(sector + run) == overlaid) ++run;
    const int from = overlaid ? overlay_.get() : file_.get();
    if (!read_all(from, sector * kSectorSize, bytes.first(run * kSectorSize))) return host_error("read");
    sector += run;
    bytes = bytes.subspan(run * kSectorSize);
  }
  return true;
}

bool DiskFile::write(std::uint64_t sector, std::span<const std::byte> bytes) {
  if (read_only_ || !inside(sector, bytes.size())) return false;
  const std::uint64_t start = sector * kSectorSize;
  if (!overlay_) {
    // The last sector may be an incomplete one: the file does not grow.
    bytes = bytes.first(std::min<std::uint64_t>(bytes.size(), size_ - std::min(size_, start)));
    return write_all(file_.get(), start, bytes) || host_error("written");
  }
  if (!write_all(overlay_.get(), start, bytes)) return host_error("written (to its snapshot's temporary file)");
  for (std::uint64_t i = 0; i < bytes.size() / kSectorSize; ++i) {
    written_[(sector + i) / Chunk().size()].set((sector + i) % Chunk().size());
  }
  return true;
}

bool DiskFile::flush() {
  // EINVAL, EROFS: nothing to be flushed.
  if (read_only_ || overlay_ || ::fdatasync(file_.get()) == 0 || errno == EINVAL || errno == EROFS) return true;
  return host_error("flushed");
}

/// The guest sees each; the log tells of the first.
bool DiskFile::host_error(const char* what) {
  const int error = errno;
  if (!std::exchange(error_logged_, true)) {
    spdlog::warn("drive: '{}' could not be {}: {}", path_, what, std::strerror(error));
  }
  return false;
}

}  // namespace vmm
