/// The tables as firmware would place them, and their byte code as a disassembler reads it.
#include <catch2/catch.hpp>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <sstream>
#include <string>

#include "vmm/loader/acpi.hpp"
#include "vmm/loader/aml.hpp"

using namespace vmm;
using Catch::Contains;

namespace {

constexpr std::array<layout::VirtioSlot, 2> kSlots = {layout::virtio_slot(0), {0xd0001000, 4096, 15}};

std::uint32_t word_at(const std::vector<std::byte>& bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < 4; ++i) value |= std::to_integer<std::uint32_t>(bytes.at(at + i)) << i * 8;
  return value;
}

std::vector<std::byte> dsdt() {
  constexpr std::uint64_t kAt = 0x40000;
  const auto tables = link(acpi_tables(1, kSlots).tables, kAt);
  for (std::size_t at = 0; at + 4 < tables.size(); at += 4) {
    if (word_at(tables, at) != 0x54445344) continue;
    const auto begin = tables.begin() + static_cast<std::ptrdiff_t>(at);
    return {begin, begin + word_at(tables, at + 4)};
  }
  FAIL("no DSDT");
  return {};
}

std::string words(const std::vector<std::byte>& bytes) {
  std::ostringstream out;
  for (const std::byte byte : bytes) out << std::hex << std::to_integer<unsigned>(byte) << ' ';
  return out.str();
}

}  // namespace

TEST_CASE("tables that are moved differ in their pointers and checksums only") {
  const AcpiTables tables = acpi_tables(3, kSlots);
  auto low = link(tables.tables, 0x40000);
  auto high = link(tables.tables, 0x7fe00000);
  REQUIRE(low != high);
  for (const auto& pointer : tables.tables.pointers) {
    REQUIRE(word_at(high, pointer.offset) - word_at(low, pointer.offset) == 0x7fe00000 - 0x40000);
    for (std::size_t i = 0; i < pointer.size; ++i) low[pointer.offset + i] = high[pointer.offset + i] = {};
  }
  for (const auto& row : tables.tables.checksums) low[row.offset] = high[row.offset] = {};
  REQUIRE(low == high);
  const auto rsdp = link(tables.rsdp, 0x40000);
  const auto sum = [&](std::size_t count) {
    return std::accumulate(rsdp.begin(), rsdp.begin() + static_cast<std::ptrdiff_t>(count), 0U,
                           [](unsigned so_far, std::byte byte) { return so_far + std::to_integer<unsigned>(byte); });
  };
  REQUIRE(sum(20) % 256 == 0);
  REQUIRE(sum(36) % 256 == 0);
}

TEST_CASE("devices are announced once: by ACPI, or on the command line when that is off") {
  REQUIRE(announce_virtio("quiet", kSlots) == "quiet");
  REQUIRE(announce_virtio("noacpi=off root=/dev/vda", kSlots) == "noacpi=off root=/dev/vda");
  REQUIRE(announce_virtio("quiet acpi=off", kSlots) ==
          "virtio_mmio.device=0x1000@0xd0000000:5 virtio_mmio.device=0x1000@0xd0001000:15 quiet acpi=off");
  REQUIRE(announce_virtio("acpi=off", {}) == "acpi=off");
}

TEST_CASE("AML values") {
  REQUIRE(words(aml::integer(0)) == "0 ");
  REQUIRE(words(aml::integer(0x7f)) == "a 7f ");
  REQUIRE(words(aml::integer(0x1234)) == "b 34 12 ");
  REQUIRE(words(aml::integer(0x12345678)) == "c 78 56 34 12 ");
  REQUIRE(words(aml::eisa_id("PNP0501")) == "c 41 d0 5 1 ");
  REQUIRE(words(aml::string("ab")) == "d 61 62 0 ");
  REQUIRE(words(aml::package(std::array<std::uint8_t, 2>{0, 5})) == "12 5 2 0 a 5 ");
  // A length of 64 or more takes more bytes.
  REQUIRE(words(aml::buffer(table::Bytes(100))).starts_with("11 89 6 0 a 64 0 "));
}

TEST_CASE("iasl reads the DSDT as what it is meant to say") {
  INFO("iasl is in the package acpica-tools, which scripts/setup installs");
  REQUIRE(std::system("command -v iasl > /dev/null 2>&1") == 0);
  std::string pattern = (std::filesystem::temp_directory_path() / "gdbvm-dsdt-XXXXXX").string();
  REQUIRE(::mkdtemp(pattern.data()) != nullptr);
  const std::filesystem::path folder(pattern);
  const auto bytes = dsdt();
  std::ofstream(folder / "dsdt.aml", std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  const std::string run = "cd " + folder.string() + " && iasl -d dsdt.aml > said 2>&1 && iasl -we dsdt.dsl > said 2>&1";
  const int status = std::system(run.c_str());
  std::ostringstream said, source;
  said << std::ifstream(folder / "said").rdbuf();
  source << std::ifstream(folder / "dsdt.dsl").rdbuf();
  std::filesystem::remove_all(folder);
  INFO(said.str());
  REQUIRE(status == 0);
  CHECK_THAT(source.str(), Contains("Device (COM1)") && Contains("EisaId (\"PNP0501\")") &&
                               Contains("IRQNoFlags ()\n                    {4}"));
  CHECK_THAT(source.str(), Contains("EisaId (\"PNP0B00\")") && Contains("EisaId (\"PNP0303\")"));
  CHECK_THAT(source.str(), Contains("Device (V001)") && Contains("\"LNRO0005\"") && Contains("0xD0001000,"));
  CHECK_THAT(source.str(), Contains("Interrupt (ResourceConsumer, Level, ActiveHigh, Exclusive"));
  CHECK_THAT(source.str(), Contains("0x0000000F,"));
  CHECK_THAT(source.str(), Contains("Name (_S5, Package (0x04)"));
}
