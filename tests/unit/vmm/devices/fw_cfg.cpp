#include "vmm/devices/fw_cfg.hpp"

#include <bit>

#include "tests/unit/vmm/devices/device_test.hpp"
#include "vmm/devices/firmware_log.hpp"
#include "vmm/memory/layout.hpp"

using namespace vmm;

namespace {

FwCfg::Bytes bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

std::uint32_t big(std::uint32_t value) { return std::byteswap(value); }

constexpr std::uint64_t kOrder = 0x1000;
constexpr std::uint64_t kTarget = 0x2000;
enum : std::uint32_t { kError = 1, kRead = 2, kSkip = 4, kSelect = 8, kWrite = 16 };

struct Board {
  GuestMemory memory{layout::kMinRam, layout::kRomGranule};
  PlantedBytes planted{memory};
  DeviceMemory device_memory{memory, planted};
  FwCfg device{
      device_memory,
      {.items = {{0x05, bytes_of("\x02")}}, .files = {{"zoo", bytes_of("0123456789")}, {"ant", bytes_of("x")}}}};

  std::string data(std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += static_cast<char>(device.read(1, 1));
    return text;
  }
  void select(std::uint16_t item) { device.write(0, 2, item); }

  /// Gives an order by DMA; the result is what became of its control word.
  std::uint32_t order(std::uint32_t control, std::uint32_t length, std::uint64_t target = kTarget) {
    memory.store(kOrder, big(control));
    memory.store(kOrder + 4, big(length));
    memory.store(kOrder + 8, std::byteswap(target));
    device.write(8, 4, big(kOrder));
    return big(*memory.load<std::uint32_t>(kOrder));
  }
  std::string at_target(std::size_t count) const {
    std::string text(count, '\0');
    memory.read(kTarget, std::as_writable_bytes(std::span(text)));
    return text;
  }
};

}  // namespace

TEST_CASE("fw_cfg: a guest finds the signature, the id, items and files", "[fw_cfg]") {
  Board board;
  board.select(0);
  CHECK(board.data(6) == std::string("QEMU\0\0", 6));
  board.select(1);
  CHECK(board.data(4) == std::string("\x03\0\0\0", 4));
  board.select(5);
  CHECK(board.data(2) == std::string("\x02\0", 2));
  board.select(0x19);
  CHECK(board.data(4) == std::string("\0\0\0\x02", 4));
  CHECK(board.data(8) == std::string("\0\0\0\x01\0\x20\0\0", 8));
  CHECK(board.data(56) == "ant" + std::string(53, '\0'));
  CHECK(board.data(8) == std::string("\0\0\0\x0a\0\x21\0\0", 8));
  CHECK(board.data(56) == "zoo" + std::string(53, '\0'));
  board.select(0x21);
  CHECK(board.data(10) == "0123456789");
  board.select(0x4711);
  CHECK(board.data(2) == std::string(2, '\0'));
}

TEST_CASE("fw_cfg: other sizes and ports change nothing", "[fw_cfg]") {
  Board board;
  board.select(0x21);
  board.device.write(0, 1, 5);
  board.device.write(1, 1, 5);
  board.device.write(0, 4, 5);
  CHECK(board.data(1) == "0");
  CHECK(board.device.read(0, 2) == ~0ull);
  CHECK(static_cast<std::uint32_t>(board.device.read(4, 4)) == big(0x51454d55));
  CHECK(static_cast<std::uint32_t>(board.device.read(8, 4)) == big(0x20434647));
  CHECK((board.device.read(4, 1) & 0xff) == 'Q');
}

TEST_CASE("fw_cfg: DMA selects, skips and reads; behind the end are zeros", "[fw_cfg]") {
  Board board;
  board.memory.store(kTarget, ~0ull);
  CHECK(board.order(0x21u << 16 | kSelect | kRead, 4) == 0);
  CHECK(board.at_target(5) == "0123\xff");
  CHECK(board.order(kSkip, 3) == 0);
  CHECK(board.order(kRead, 4) == 0);
  CHECK(board.at_target(4) == std::string("789\0", 4));
  CHECK(board.order(0x4711u << 16 | kSelect | kRead, 2) == 0);
  CHECK(board.at_target(2) == std::string(2, '\0'));
  CHECK(board.order(kSkip, ~0u) == 0);
}

TEST_CASE("fw_cfg: what DMA can't do is an error to the guest, and changes no memory", "[fw_cfg]") {
  Board board;
  board.select(0x21);
  board.memory.store(layout::kLowRamEnd - 4, 0x5a5a5a5a);
  CHECK(board.order(kWrite, 1) == kError);
  CHECK(board.order(kRead, FwCfg::kMostDma + 1) == kError);
  CHECK(board.order(kRead, 8, layout::kLowRamEnd - 4) == kError);
  CHECK(board.order(kRead, 8, ~0ull - 3) == kError);
  CHECK(board.order(kRead, 1, layout::kAbove4G - 1) == kError);
  CHECK(board.memory.load<std::uint8_t>(layout::kAbove4G - 1) == 0);
  CHECK(board.memory.load<std::uint32_t>(layout::kLowRamEnd - 4) == 0x5a5a5a5a);
  board.device.write(4, 4, big(0x7fff));  // an order beyond memory: nothing happens
  board.device.write(8, 4, big(kOrder));
  CHECK(board.order(kRead, 1) == 0);  // and the high half is of one order only
  CHECK(board.at_target(1) == "0");
}

TEST_CASE("fw_cfg: its state moves", "[fw_cfg]") {
  Board board;
  Board other;
  board.select(0x21);
  board.data(3);
  board.device.write(4, 4, 0x1234);
  check_state_moves(board.device, other.device);
  CHECK(other.data(1) == "3");
}

TEST_CASE("firmware log: printable lines of bounded length", "[firmware_log]") {
  std::vector<std::string> lines;
  FirmwareLog log([&](const std::string& line) { lines.push_back(line); });
  CHECK(log.read(0, 1) == 0xe9);
  for (const char c : std::string("one\r\n\n\x1b[2Jtwo\tthree\nfou")) log.write(0, 1, static_cast<std::uint8_t>(c));
  CHECK(lines == std::vector<std::string>{"one", "[2Jtwo three"});
  FirmwareLog other([&](const std::string& line) { lines.push_back(line); });
  check_state_moves(log, other);
  other.write(0, 2, 'r' | '\n' << 8);
  CHECK(lines.back() == "four");
  for (int i = 0; i < 1000; ++i) log.write(0, 1, 'x');
  CHECK(lines.back().size() == FirmwareLog::kMostLine);
}
