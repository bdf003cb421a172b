#include "vmm/devices/disk_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>

#include "vmm/base/errors.hpp"

using namespace vmm;

namespace {

struct Image {
  explicit Image(std::size_t size) {
    std::string name = (std::filesystem::temp_directory_path() / "gdbvm-disk-XXXXXX").string();
    ::close(::mkstemp(name.data()));
    path = name;
    std::ofstream(path, std::ios::binary) << std::string(size, 'a');
  }
  ~Image() { std::filesystem::remove(path); }
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;
  std::string text() const {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  DriveSpec spec() const { return {.path = path}; }
  DriveSpec read_only() const { return {.path = path, .read_only = true}; }
  DriveSpec snapshot() const { return {.path = path, .snapshot = true}; }
  std::string path;
};

std::vector<std::byte> filled(std::size_t sectors, char with) {
  return std::vector<std::byte>(sectors * Disk::kSectorSize, static_cast<std::byte>(with));
}

std::string text_of(Disk& disk, std::uint64_t sector, std::size_t count) {
  auto bytes = filled(count, '?');
  REQUIRE(disk.read(sector, bytes));
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

using Catch::Matchers::Contains;

}  // namespace

TEST_CASE("drive: its options", "[drive]") {
  using Interface = DriveSpec::Interface;
  CHECK(parse_drive("disk.img") == DriveSpec{.path = "disk.img"});
  CHECK(parse_drive("a,,b,ro,if=virtio") ==
        DriveSpec{.path = "a,b", .interface = Interface::kVirtio, .read_only = true});
  CHECK(parse_drive("x,,,snapshot") == DriveSpec{.path = "x,", .snapshot = true});
  CHECK_THROWS_WITH(parse_drive(""), Contains("needs a file"));
  CHECK_THROWS_WITH(parse_drive("x,if=scsi"), Contains("if=scsi"));
  CHECK_THROWS_WITH(parse_drive("x,"), Contains("no option"));
}

TEST_CASE("disk file: sectors are read and written in place", "[disk]") {
  const Image image(8 * 512);
  DiskFile disk(image.spec());
  CHECK(disk.sectors() == 8);
  REQUIRE(disk.write(2, filled(3, 'b')));
  REQUIRE(disk.flush());
  CHECK(image.text() == std::string(1024, 'a') + std::string(1536, 'b') + std::string(1536, 'a'));
  CHECK(text_of(disk, 1, 2) == std::string(512, 'a') + std::string(512, 'b'));
}

TEST_CASE("disk file: nothing is read or written beyond the end, and the file never grows", "[disk]") {
  const Image image(512 + 100);
  DiskFile disk(image.spec());
  CHECK(disk.sectors() == 2);
  CHECK(text_of(disk, 1, 1) == std::string(100, 'a') + std::string(412, '\0'));
  REQUIRE(disk.write(0, filled(2, 'b')));
  CHECK(image.text() == std::string(612, 'b'));
  auto bytes = filled(2, 'c');
  for (const std::uint64_t sector : {std::uint64_t{1}, std::uint64_t{2}, ~std::uint64_t{0}, std::uint64_t{1} << 55}) {
    CHECK_FALSE(disk.write(sector, bytes));
    CHECK_FALSE(disk.read(sector, bytes));
  }
  CHECK_FALSE(disk.write(0, std::span(bytes).first(100)));
  CHECK(image.text().size() == 612);
}

TEST_CASE("disk file: with snapshot the file keeps what it has", "[disk]") {
  const Image image(5000 * 512);
  {
    DiskFile disk(image.snapshot());
    CHECK_FALSE(disk.read_only());
    REQUIRE(disk.write(4094, filled(4, 'b')));  // on both sides of a chunk
    REQUIRE(disk.write(4999, filled(1, 'c')));
    REQUIRE(disk.flush());
    CHECK(text_of(disk, 4093, 6) == std::string(512, 'a') + std::string(2048, 'b') + std::string(512, 'a'));
    CHECK(text_of(disk, 4999, 1) == std::string(512, 'c'));
    CHECK_FALSE(disk.write(4999, filled(2, 'd')));
  }
  CHECK(image.text() == std::string(5000 * 512, 'a'));
}

TEST_CASE("disk file: read-only refuses writes", "[disk]") {
  const Image image(1024);
  DiskFile disk(image.read_only());
  CHECK(disk.read_only());
  CHECK_FALSE(disk.write(0, filled(1, 'b')));
  CHECK(image.text() == std::string(1024, 'a'));
}

TEST_CASE("disk file: one writer, or many readers", "[disk]") {
  const Image image(1024);
  {
    DiskFile writer(image.spec());
    CHECK_THROWS_WITH(DiskFile(image.spec()), Contains("writes to '" + image.path));
    CHECK_THROWS_WITH(DiskFile(image.read_only()), Contains("writes to"));
  }
  DiskFile reader(image.read_only());
  DiskFile another(image.snapshot());
  CHECK_THROWS_WITH(DiskFile(image.spec()), Contains("uses '" + image.path) && Contains(",snapshot"));
}

TEST_CASE("disk file: what can't be a disk is said in one line", "[disk]") {
  CHECK_THROWS_WITH(DiskFile({.path = "/does/not/exist"}), Contains("/does/not/exist") && Contains("No such file"));
  CHECK_THROWS_WITH(DiskFile({.path = "/"}), Contains("is a directory"));
  CHECK_THROWS_WITH(DiskFile({.path = "/dev/null"}), Contains("neither a file nor a block device"));
  const Image empty(0);
  CHECK_THROWS_WITH(DiskFile(empty.spec()), Contains("is empty"));
  const auto self = std::filesystem::read_symlink("/proc/self/exe").string();  // running: not even root may write it
  CHECK_THROWS_WITH(DiskFile({.path = self}), Contains(",ro") && Contains("cannot be written"));
}
