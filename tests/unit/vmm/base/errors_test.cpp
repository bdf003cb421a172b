#include "vmm/base/errors.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <string>

#include "vmm/base/mapping.hpp"
#include "vmm/base/state_stream.hpp"
#include "vmm/base/unique_fd.hpp"

using namespace vmm;

TEST_CASE("a HostError of errno says what was tried and why it failed") {
  errno = ENOENT;
  REQUIRE(std::string(HostError::from_errno("open 'x'").what()) == "open 'x': No such file or directory");
}

TEST_CASE("a LoadError names format, field and offset") {
  const LoadError error("multiboot", "header.load_end_addr", 0x1c, "not above load_addr");
  REQUIRE(std::string(error.what()) == "multiboot: field header.load_end_addr at offset 0x1c: not above load_addr");
  REQUIRE(error.field == "header.load_end_addr");
}

TEST_CASE("anonymous mappings are zero and writable") {
  Mapping mapping = Mapping::anonymous(8192);
  REQUIRE(mapping.bytes()[8191] == std::byte{0});
  mapping.bytes()[8191] = std::byte{7};
  const Mapping moved = std::move(mapping);
  REQUIRE(moved.bytes()[8191] == std::byte{7});
  REQUIRE_THROWS_AS(Mapping::anonymous(std::size_t{1} << 62), HostError);
}

TEST_CASE("a file mapping shows the file's bytes, and refuses what is no file") {
  const UniqueFd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  const Mapping mapping = Mapping::of_file(file.get(), 4, false);
  REQUIRE(mapping.bytes()[1] == std::byte{'E'});
  REQUIRE_THROWS_AS(Mapping::of_file(-1, 4, false), HostError);
}

TEST_CASE("state comes back as it was written") {
  StateWriter out;
  out.tag("serial");
  out.put<std::uint16_t>(0x1234);
  out.put_bytes(std::as_bytes(std::span("abc", 3)));
  StateReader in(out.bytes());
  in.tag("serial");
  REQUIRE(in.get<std::uint16_t>() == 0x1234);
  REQUIRE(in.get_bytes().size() == 3);
  REQUIRE(in.at_end());
  REQUIRE_THROWS_AS(in.get<std::uint8_t>(), HostError);
}

TEST_CASE("a damaged state is a HostError wherever it ends") {
  StateWriter out;
  out.tag("pit");
  out.put_bytes(std::as_bytes(std::span("abc", 3)));
  StateReader wrong(out.bytes());
  REQUIRE_THROWS_AS(wrong.tag("rtc"), HostError);
  for (std::size_t size = 0; size < out.bytes().size(); ++size) {
    StateReader in(std::span(out.bytes()).first(size));
    REQUIRE_THROWS_AS((in.tag("pit"), in.get_bytes()), HostError);
  }
}
