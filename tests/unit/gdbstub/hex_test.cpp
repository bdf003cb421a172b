#include "gdbstub/hex.hpp"

#include <catch2/catch.hpp>

using namespace gdb;

TEST_CASE("bytes and text become lower-case hexadecimal and back") {
  CHECK(hex_of_text(std::string("\x00\xff\x1a", 3)) == "00ff1a");
  CHECK(hex_of_number(0) == "0");
  CHECK(hex_of_number(0xabc) == "abc");
  CHECK(hex_of_number(UINT64_MAX) == "ffffffffffffffff");
  CHECK(bytes_of_hex("00fF1a") == std::vector{std::byte{0}, std::byte{0xff}, std::byte{0x1a}});
  CHECK(bytes_of_hex("")->empty());
  CHECK(!bytes_of_hex("0"));
  CHECK(!bytes_of_hex("0g"));
}

TEST_CASE("fields are eaten from the left") {
  Fields fields("7c00,ffffffffffffffff:rest;more");
  CHECK(fields.number() == 0x7c00);
  CHECK(!fields.skip(':'));
  CHECK(fields.skip(','));
  CHECK(fields.number() == UINT64_MAX);
  CHECK(fields.skip(':'));
  CHECK(!fields.number());
  CHECK(fields.until(';') == "rest");
  CHECK(fields.until(';') == "more");
  CHECK(fields.done());
}

TEST_CASE("a number of more than 64 bits is none, leading zeros are") {
  CHECK(!Fields("10000000000000000").number());
  CHECK(Fields("00000000000000000012").number() == 0x12);
  CHECK(!Fields("").number());
  CHECK(!Fields("-1").number());
}
