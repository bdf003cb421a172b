#include "vmm/base/byte_reader.hpp"

#include <array>
#include <catch2/catch.hpp>

#include "vmm/base/errors.hpp"

using namespace vmm;

namespace {
const std::array<std::byte, 8> kBytes = {std::byte{1},   std::byte{2}, std::byte{3},   std::byte{4},
                                         std::byte{'a'}, std::byte{0}, std::byte{'b'}, std::byte{'c'}};
constexpr std::uint64_t kHuge = ~0ULL;
}  // namespace

TEST_CASE("numbers are little endian") {
  const ByteReader reader(kBytes, "test");
  REQUIRE(reader.load<std::uint32_t>(0, "f") == 0x04030201);
  REQUIRE(reader.load<std::uint16_t>(2, "f") == 0x0403);
  REQUIRE(reader.load<std::uint8_t>(7, "f") == 'c');
}

TEST_CASE("nothing beyond the end is read, also when the sum would wrap") {
  const ByteReader reader(kBytes, "test");
  REQUIRE_THROWS_AS(reader.load<std::uint32_t>(5, "f"), LoadError);
  REQUIRE_THROWS_AS(reader.load<std::uint64_t>(kHuge - 3, "f"), LoadError);
  REQUIRE_THROWS_AS(reader.slice(4, kHuge - 1, "f"), LoadError);
  REQUIRE_THROWS_AS(reader.slice(9, 0, "f"), LoadError);
  REQUIRE(reader.slice(8, 0, "f").empty());
  REQUIRE_FALSE(reader.has(kHuge, 2));
}

TEST_CASE("text ends with a NUL inside the bytes") {
  const ByteReader reader(kBytes, "test");
  REQUIRE(reader.cstring(4, "f") == "a");
  REQUIRE(reader.cstring(5, "f").empty());
  REQUIRE_THROWS_AS(reader.cstring(6, "f"), LoadError);
  REQUIRE_THROWS_AS(reader.cstring(8, "f"), LoadError);
  REQUIRE_THROWS_AS(reader.cstring(kHuge, "f"), LoadError);
}

TEST_CASE("a part counts from its start, its errors from the file's") {
  const ByteReader part = ByteReader(kBytes, "test").part(4, 2, "part");
  REQUIRE(part.load<std::uint8_t>(0, "f") == 'a');
  try {
    (void)part.load<std::uint16_t>(1, "field");
    FAIL("reads beyond the part");
  } catch (const LoadError& error) {
    REQUIRE(error.offset == 5);
    REQUIRE(error.format == "test");
  }
}
