#include "vmm/devices/bus.hpp"

#include "device_test.hpp"

using namespace vmm;

namespace {

struct Recorder final : Device {
  std::string_view name() const override { return "recorder"; }
  std::uint64_t read(std::uint64_t offset, unsigned size) override {
    calls.push_back({offset, size, 0});
    return 0x1111'1111'1111'1111ull * (offset + 1);
  }
  void write(std::uint64_t offset, unsigned size, std::uint64_t value) override {
    calls.push_back({offset, size, value});
  }
  void save(StateWriter&) const override {}
  void load(StateReader&) override {}

  struct Call {
    std::uint64_t offset;
    unsigned size;
    std::uint64_t value;
    bool operator==(const Call&) const = default;
  };
  std::vector<Call> calls;
};

}  // namespace

TEST_CASE("bus: an access goes to its device with the offset; the rest is all-ones", "[bus]") {
  std::mutex lock;
  Bus bus(lock);
  Recorder low, high;
  bus.add(0x20, 4, high);
  bus.add(0x10, 8, low);

  CHECK(bus.read(0x12, 2) == 0x3333);
  bus.write(0x20, 4, 0x1'2345'6789);
  CHECK(low.calls == std::vector<Recorder::Call>{{2, 2, 0}});
  CHECK(high.calls == std::vector<Recorder::Call>{{0, 4, 0x2345'6789}});

  CHECK(bus.read(0x18, 1) == 0xff);
  CHECK(bus.read(0, 2) == 0xffff);
  CHECK(bus.read(0x1000, 4) == 0xffff'ffff);
  CHECK(bus.read(~0ull, 8) == ~0ull);
  bus.write(0x18, 8, 0);
  CHECK(low.calls.size() == 1);
}

TEST_CASE("bus: an access across a device's end is split into bytes", "[bus]") {
  std::mutex lock;
  Bus bus(lock);
  Recorder low, high;
  bus.add(0x10, 2, low);
  bus.add(0x13, 1, high);
  CHECK(bus.read(0x11, 4) == 0xff11'ff22);
  bus.write(0x0f, 8, 0x8877'6655'4433'2211);
  CHECK(low.calls == std::vector<Recorder::Call>{{1, 1, 0}, {0, 1, 0x22}, {1, 1, 0x33}});
  CHECK(high.calls == std::vector<Recorder::Call>{{0, 1, 0}, {0, 1, 0x55}});
}

TEST_CASE("bus: rows are in address order; the space's last byte can be covered", "[bus]") {
  std::mutex lock;
  Bus bus(lock);
  Recorder device;
  bus.add(~0ull, 1, device);
  bus.add(0, 1, device);
  const auto rows = bus.rows();
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].base == 0);
  CHECK(rows[1].base == ~0ull);
  CHECK(rows[1].size == 1);
  CHECK(bus.read(~0ull, 1) == 0x11);
}
