#include "gdbstub/endpoint.hpp"

#include <catch2/catch.hpp>

using gdb::Endpoint;
using Kind = gdb::Endpoint::Kind;

TEST_CASE("endpoints are read, and written as they were") {
  struct Row {
    std::string_view text;
    Kind kind;
    std::string_view address;
    std::uint16_t port;
    bool loopback;
    std::string_view again;
  };
  const Row rows[] = {
      {"tcp:127.0.0.1:1234", Kind::kTcp, "127.0.0.1", 1234, true, "tcp:127.0.0.1:1234"},
      {"tcp:localhost:0", Kind::kTcp, "127.0.0.1", 0, true, "tcp:127.0.0.1:0"},
      {"tcp::1234", Kind::kTcp, "127.0.0.1", 1234, true, "tcp:127.0.0.1:1234"},
      {"tcp:1234", Kind::kTcp, "127.0.0.1", 1234, true, "tcp:127.0.0.1:1234"},
      {"tcp:127.9.9.9:1", Kind::kTcp, "127.9.9.9", 1, true, "tcp:127.9.9.9:1"},
      {"tcp:[::1]:65535", Kind::kTcp, "::1", 65535, true, "tcp:[::1]:65535"},
      {"tcp:0.0.0.0:1234", Kind::kTcp, "0.0.0.0", 1234, false, "tcp:0.0.0.0:1234"},
      {"tcp:[::]:1234", Kind::kTcp, "::", 1234, false, "tcp:[::]:1234"},
      {"tcp:10.0.0.1:1234", Kind::kTcp, "10.0.0.1", 1234, false, "tcp:10.0.0.1:1234"},
      {"unix:/tmp/a b", Kind::kUnix, "/tmp/a b", 0, true, "unix:/tmp/a b"},
      {"tty:/dev/ttyS0", Kind::kTty, "/dev/ttyS0", 0, true, "tty:/dev/ttyS0"},
      {"stdio", Kind::kStdio, "", 0, true, "stdio"},
      {"pty", Kind::kPty, "", 0, true, "pty"},
      {"none", Kind::kNone, "", 0, true, "none"},
  };
  for (const Row& row : rows) {
    INFO(row.text);
    const auto endpoint = Endpoint::parse(row.text);
    REQUIRE(endpoint);
    CHECK(endpoint->kind == row.kind);
    CHECK(endpoint->address == row.address);
    CHECK(endpoint->port == row.port);
    CHECK(endpoint->is_loopback() == row.loopback);
    CHECK(endpoint->text() == row.again);
  }
}

TEST_CASE("what is no endpoint is explained") {
  for (const std::string& text :
       {std::string(), std::string("1234"), std::string("tcp:"), std::string("tcp:127.0.0.1:"),
        std::string("tcp:127.0.0.1:65536"), std::string("tcp:127.0.0.1:-1"), std::string("tcp:127.0.0.1:12x"),
        std::string("tcp:example.org:1234"), std::string("tcp:::1:1234"), std::string("tcp:[127.0.0.1]:1"),
        std::string("tcp:127.1:1"), std::string("tcp:[]:1"), std::string("unix:"), "unix:/" + std::string(200, 'a'),
        std::string("unix:a\0b", 8), std::string("tty:"), std::string("ptyx"), std::string("stdio:1"),
        std::string("nonesuch")}) {
    INFO(text);
    const auto endpoint = Endpoint::parse(text);
    REQUIRE(!endpoint);
    CHECK(!endpoint.error().empty());
  }
}
