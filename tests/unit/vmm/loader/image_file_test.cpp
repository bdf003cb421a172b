#include "vmm/loader/image_file.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "vmm/base/errors.hpp"

using namespace vmm;
using Catch::Contains;

TEST_CASE("an image file is its bytes, or one clear line") {
  const auto folder = std::filesystem::temp_directory_path() / ("gdbvm-image-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  const auto path = folder / "image";
  std::ofstream(path) << "bytes";
  ImageFile file(path);
  const ImageFile moved = std::move(file);
  REQUIRE(moved.bytes().size() == 5);
  REQUIRE(moved.bytes()[0] == std::byte{'b'});

  REQUIRE_THROWS_WITH(ImageFile(folder), Contains("is a directory"));
  REQUIRE_THROWS_WITH(ImageFile(folder / "none"), Contains("No such file"));
  REQUIRE_THROWS_WITH(ImageFile("/dev/null"), Contains("not a regular file"));
  std::ofstream(folder / "empty").flush();
  REQUIRE_THROWS_WITH(ImageFile(folder / "empty"), Contains("is empty"));
  std::filesystem::remove_all(folder);
}

TEST_CASE("a VGA BIOS is an option ROM beside the firmware") {
  const auto folder = std::filesystem::temp_directory_path() / ("gdbvm-vga-bios-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  const auto firmware = (folder / "bios.bin").string();
  REQUIRE(!vga_bios_beside(firmware));
  std::ofstream(folder / "vgabios-isavga.bin") << "no option ROM";
  REQUIRE(!vga_bios_beside(firmware));
  std::ofstream(folder / "vgabios.bin") << "\x55\xaa\x01";
  const auto found = vga_bios_beside(firmware);
  REQUIRE(found);
  REQUIRE(found->bytes().size() == 3);
  REQUIRE(found->path() == (folder / "vgabios.bin").string());
  std::filesystem::resize_file(folder / "vgabios.bin", 64 * 1024 + 1);
  REQUIRE(!vga_bios_beside(firmware));
  std::filesystem::remove_all(folder);
}
