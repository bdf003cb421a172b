/// The host's end of a drive: numbered sectors of 512 bytes. Implemented over a file (disk_file.hpp), and by fakes in
/// tests; IDE and virtio-blk stand on it.
///
/// Thread: every call is made under the Bus lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace vmm {

class Disk {
 public:
  static constexpr std::size_t kSectorSize = 512;

  virtual ~Disk() = default;
  /// Sectors there are; constant. A file's last, incomplete sector counts and reads as zero beyond the file's end.
  virtual std::uint64_t sectors() const = 0;
  virtual bool read_only() const = 0;
  /// `bytes` are whole sectors, all of which exist.
  bool inside(std::uint64_t sector, std::uint64_t bytes) const {
    return bytes % kSectorSize == 0 && sector <= sectors() && bytes / kSectorSize <= sectors() - sector;
  }
  /// Whole sectors from `sector` on. False, with nothing promised about `bytes`: beyond the end, or the host's error.
  virtual bool read(std::uint64_t sector, std::span<std::byte> bytes) = 0;
  /// False, with nothing written beyond the end: a read-only disk, beyond the end, or the host's error.
  virtual bool write(std::uint64_t sector, std::span<const std::byte> bytes) = 0;
  /// What was written is on the host's disk when it returns true.
  virtual bool flush() = 0;
};

}  // namespace vmm
