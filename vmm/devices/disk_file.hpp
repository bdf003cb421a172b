/// A Disk over a file or a block device of the host, locked as QEMU locks its images, so that neither of the two
/// programs writes where the other is at work.
#pragma once

#include <bitset>
#include <cstdint>
#include <map>
#include <string>

#include "vmm/base/unique_fd.hpp"
#include "vmm/devices/disk.hpp"
#include "vmm/devices/drive_spec.hpp"

namespace vmm {

class DiskFile final : public Disk {
 public:
  /// Throws HostError, one line with the path: missing, a directory, empty, not writable, in use.
  explicit DiskFile(const DriveSpec& spec);

  std::uint64_t sectors() const override { return (size_ + kSectorSize - 1) / kSectorSize; }
  bool read_only() const override { return read_only_; }
  bool read(std::uint64_t sector, std::span<std::byte> bytes) override;
  bool write(std::uint64_t sector, std::span<const std::byte> bytes) override;
  bool flush() override;

 private:
  /// Of the overlay, which sectors have been written: 2 MiB of the disk each.
  using Chunk = std::bitset<4096>;

  void open(bool writing);
  void lock(bool writing);
  bool in_overlay(std::uint64_t sector) const;
  bool host_error(const char* what);

  std::string path_;
  bool read_only_;
  UniqueFd file_;
  std::uint64_t size_ = 0;  // bytes
  UniqueFd overlay_;        // an unlinked file, with `snapshot` only
  std::map<std::uint64_t, Chunk> written_;
  bool error_logged_ = false;
};

}  // namespace vmm
