#include <arpa/inet.h>

#include <catch2/catch.hpp>

#include "vmm/base/errors.hpp"
#include "vmm/net.hpp"

namespace vmm {

TEST_CASE("a network is none, the user's or a tap") {
  CHECK(parse_net("none").kind == NetSpec::Kind::kNone);
  CHECK(parse_net("user").kind == NetSpec::Kind::kUser);
  const NetSpec tap = parse_net("tap,ifname=gdbvm0,mac=02:00:00:00:00:fF");
  CHECK(tap.kind == NetSpec::Kind::kTap);
  CHECK(tap.interface == "gdbvm0");
  CHECK(tap.mac == MacAddress{2, 0, 0, 0, 0, 0xff});
}

TEST_CASE("ports of the host lead to the guest, from this machine only unless told otherwise") {
  const NetSpec spec = parse_net("user,hostfwd=tcp::2222-:22,hostfwd=udp:0.0.0.0:53-10.0.2.16:5353");
  REQUIRE(spec.forwards.size() == 2);
  CHECK_FALSE(spec.forwards[0].udp);
  CHECK(spec.forwards[0].host.s_addr == htonl(INADDR_LOOPBACK));
  CHECK(spec.forwards[0].host_port == 2222);
  CHECK(spec.forwards[0].guest.s_addr == 0);
  CHECK(spec.forwards[0].guest_port == 22);
  CHECK(spec.forwards[1].udp);
  CHECK(spec.forwards[1].host.s_addr == 0);
  CHECK(spec.forwards[1].guest.s_addr == inet_addr("10.0.2.16"));
}

TEST_CASE("what is no network is refused in words") {
  const auto text = GENERATE(
      "", "users", "none,mac=02:00:00:00:00:00", "user,ifname=x", "tap,hostfwd=tcp::1-:1", "user,x",
      "user,hostfwd=tcp::0-:1", "user,hostfwd=tcp::1-:65536", "user,hostfwd=sctp::1-:1", "user,hostfwd=tcp:1-:1",
      "user,hostfwd=tcp::1", "user,hostfwd=tcp:localhost:1-:1", "tap,ifname=", "tap,ifname=a-name-that-is-long",
      "user,mac=01:00:00:00:00:00", "user,mac=02:00:00:00:00", "user,mac=02:00:00:00:00:00:00", "user,mac=2:0:0:0:0:0");
  INFO(text);
  CHECK_THROWS_AS(parse_net(text), HostError);
}

}  // namespace vmm
