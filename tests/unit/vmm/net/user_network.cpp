#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdint>
#include <vector>

#include "vmm/asio.hpp"
#include "vmm/net.hpp"

// UBSan's own look at a vptr opens a pipe: without descriptors it takes each object for a bad one.
#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(GDBVM_WITH_SLIRP) && !__has_feature(undefined_behavior_sanitizer)

namespace vmm {
namespace {

/// As long as it lives, this process opens nothing more.
class NoMoreDescriptors {
 public:
  NoMoreDescriptors() {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const rlimit none{.rlim_cur = 0, .rlim_max = before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  }
  ~NoMoreDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

// ARP (RFC 826): who has 10.0.2.2?
constexpr std::array<std::uint8_t, 42> kWhoIsHost = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x54, 0, 0x12, 0x34, 0x56, 0x08, 0x06, 0, 1, 0x08, 0,  6, 4, 0,
    1,    0x52, 0x54, 0,    0x12, 0x34, 0x56, 10,   0, 2,    15,   0,    0,    0,    0, 0, 0,    10, 0, 2, 2};
constexpr std::size_t kOperation = 21;

}  // namespace

TEST_CASE("the user's network goes on when the guest has opened all connections that the host allows") {
  boost::asio::io_context io(1);
  const auto network = open_network(io, parse_net("user"));
  std::vector<std::byte> answer;
  network->start([&](auto frame) {
    answer.assign(frame.begin(), frame.end());
    return true;
  });
  const NoMoreDescriptors limit;
  for (int i = 0; i < 3; ++i) {
    answer.clear();
    network->send(std::as_bytes(std::span(kWhoIsHost)));
    while (answer.empty()) io.run_one_for(std::chrono::milliseconds(10));
    REQUIRE(answer.size() > kOperation);
    CHECK(answer[kOperation] == std::byte{2});
  }
}

}  // namespace vmm

#endif
