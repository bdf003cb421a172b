#include "vmm/devices/serial.hpp"

#include "device_test.hpp"
#include "vmm/base/errors.hpp"

using namespace vmm;

namespace {

enum : std::uint64_t { kData, kIer, kIir, kLcr, kMcr, kLsr, kMsr, kScr };
constexpr std::uint8_t kOut2 = 0x08;

struct Line {
  FakeHost host;
  FakeIrq irq;
  int rooms = 0;
  Serial serial{"COM1", host, irq.line(), [this] { ++rooms; }};

  std::uint8_t in(std::uint64_t offset) { return static_cast<std::uint8_t>(serial.read(offset, 1)); }
  void out(std::uint64_t offset, std::uint8_t value) { serial.write(offset, 1, value); }
  void type(std::string_view text) { serial.receive(std::as_bytes(std::span(text))); }
  std::string read_all() {
    std::string text;
    while (in(kLsr) & 1) text += static_cast<char>(in(kData));
    return text;
  }
};

}  // namespace

TEST_CASE("serial: after reset it is idle, with the modem lines up", "[serial]") {
  Line line;
  CHECK(line.in(kLsr) == 0x60);
  CHECK(line.in(kMsr) == 0xb0);
  CHECK(line.in(kIir) == 0x01);
  CHECK(line.in(kIer) == 0);
}

TEST_CASE("serial: what is written goes to the host; a wide write is bytes at ascending ports", "[serial]") {
  Line line;
  line.out(kData, 'o');
  line.serial.write(kData, 2, 'k' | 0x0f00);
  CHECK(line.host.text == "ok");
  CHECK(line.in(kIer) == 0x0f);
}

TEST_CASE("serial: registers hold only the bits that exist; the divisor hides behind DLAB", "[serial]") {
  Line line;
  for (const auto reg : {kIer, kMcr, kScr, kLcr}) line.out(reg, 0x7f);
  CHECK(line.in(kIer) == 0x0f);
  CHECK(line.in(kMcr) == 0x1f);
  CHECK(line.in(kScr) == 0x7f);
  CHECK(line.in(kLcr) == 0x7f);
  line.out(kMcr, 0);
  line.out(kLcr, 0x83);
  line.out(kData, 0x0c);
  line.out(kIer, 0x01);
  CHECK(line.in(kData) == 0x0c);
  CHECK(line.in(kIer) == 0x01);
  line.out(kLcr, 0x03);
  CHECK(line.in(kIer) == 0x0f);
  CHECK(line.host.text.empty());
}

TEST_CASE("serial: the transmitter interrupt comes on enabling and after each byte", "[serial]") {
  Line line;
  line.out(kMcr, kOut2);
  line.out(kIer, 0x02);
  CHECK(line.irq.count == 1);
  CHECK(line.in(kIir) == 0x02);
  CHECK_FALSE(line.irq.level);  // reading IIR took it
  CHECK(line.in(kIir) == 0x01);

  line.out(kData, 'a');
  CHECK(line.irq.count == 2);
  line.out(kData, 'b');  // the line goes down and up
  CHECK(line.irq.count == 3);
  CHECK(line.in(kIir) == 0x02);

  line.out(kIer, 0x00);  // Linux's test for broken UARTs: off and on again gives it again
  line.out(kIer, 0x02);
  CHECK(line.irq.count == 4);
}

TEST_CASE("serial: OUT2 gates the interrupt, loopback closes the gate", "[serial]") {
  Line line;
  line.out(kIer, 0x02);
  CHECK_FALSE(line.irq.level);
  line.out(kMcr, kOut2);
  CHECK(line.irq.level);
  line.out(kMcr, kOut2 | 0x10);
  CHECK_FALSE(line.irq.level);
}

TEST_CASE("serial: while the host is behind the transmitter is busy, and no byte is lost", "[serial]") {
  Line line;
  line.out(kMcr, kOut2);
  line.out(kIer, 0x02);
  line.in(kIir);
  line.host.is_ready = false;
  CHECK(line.in(kLsr) == 0x00);
  line.out(kData, 'x');
  CHECK(line.host.text == "x");
  CHECK_FALSE(line.irq.level);
  CHECK(line.in(kIir) == 0x01);

  line.host.is_ready = true;
  line.serial.host_ready();
  CHECK(line.irq.level);
  CHECK(line.in(kLsr) == 0x60);
  CHECK(line.in(kIir) == 0x02);
}

TEST_CASE("serial: enabling the interrupt while the host is behind defers it", "[serial]") {
  Line line;
  line.host.is_ready = false;
  line.out(kMcr, kOut2);
  line.out(kIer, 0x02);
  CHECK_FALSE(line.irq.level);
  line.host.is_ready = true;
  line.serial.host_ready();
  CHECK(line.irq.level);
}

TEST_CASE("serial: trigger levels and the instant time-out", "[serial]") {
  const auto [fcr, level] = GENERATE(table<int, int>({{0x01, 1}, {0x41, 4}, {0x81, 8}, {0xc1, 14}}));
  Line line;
  line.out(kIir, static_cast<std::uint8_t>(fcr));
  line.out(kIer, 0x01);
  line.type(std::string(static_cast<std::size_t>(level), 'x'));
  CHECK(line.in(kIir) == 0xc4);
  line.in(kData);
  CHECK(line.in(kIir) == (level == 1 ? 0xc1 : 0xcc));
}

TEST_CASE("serial: without FIFOs one byte at a time, in order, each with its interrupt pending", "[serial]") {
  Line line;
  line.out(kMcr, kOut2);
  line.out(kIer, 0x01);
  line.type("ab");
  CHECK(line.irq.level);
  CHECK(line.in(kIir) == 0x04);
  CHECK(line.in(kData) == 'a');
  CHECK(line.in(kIir) == 0x04);
  CHECK(line.in(kData) == 'b');
  CHECK_FALSE(line.irq.level);
  CHECK(line.in(kLsr) == 0x60);
}

TEST_CASE("serial: pasting a long text loses nothing", "[serial]") {
  Line line;
  line.out(kIir, 0xc7);
  std::string sent;
  std::string received;
  while (sent.size() < 20'000) {
    while (line.serial.accepting()) {
      const std::string chunk(Serial::kMaxReceive, static_cast<char>('a' + sent.size() / Serial::kMaxReceive % 26));
      line.type(chunk);
      sent += chunk;
    }
    const int before = line.rooms;
    while (line.rooms == before) received += static_cast<char>(line.in(kData));
    CHECK(line.serial.accepting());
  }
  received += line.read_all();
  CHECK(received == sent);
  CHECK_FALSE(line.in(kLsr) & 0x02);
}

TEST_CASE("serial: a FIFO reset discards what the guest has seen, not what it can't know of", "[serial]") {
  Line line;
  line.type("early");
  line.out(kIir, 0xc7);
  CHECK(line.read_all() == "early");
  line.type("seen");
  CHECK(line.in(kLsr) & 1);
  line.out(kIir, 0xc7);
  CHECK(line.in(kLsr) == 0x60);
}

TEST_CASE("serial: loopback returns the byte, mirrors the lines and can overrun", "[serial]") {
  Line line;
  line.type("host");  // waits outside meanwhile
  line.out(kMcr, 0x1e);
  CHECK(line.in(kMsr) == 0xd2);  // RTS → CTS, OUT1 → RI, OUT2 → DCD; DSR fell, which is a delta
  line.out(kData, 0xae);
  CHECK(line.in(kData) == 0xae);
  CHECK(line.host.text.empty());

  line.out(kIer, 0x04);
  line.out(kData, 1);
  line.out(kData, 2);
  CHECK(line.in(kIir) == 0x06);
  CHECK(line.in(kLsr) == 0x63);
  CHECK(line.in(kLsr) == 0x61);  // reading took the error
  CHECK(line.in(kIir) == 0x01);
  CHECK(line.in(kData) == 2);

  line.out(kMcr, 0x00);
  CHECK(line.read_all() == "host");
}

TEST_CASE("serial: modem deltas and their interrupt", "[serial]") {
  Line line;
  line.out(kMcr, 0x10);
  CHECK(line.in(kMsr) == 0x0b);  // CTS, DSR and DCD fell
  line.out(kIer, 0x08);
  line.out(kMcr, 0x14);
  CHECK(line.in(kMsr) == 0x40);  // the ring's leading edge is no delta
  line.out(kMcr, 0x10);
  CHECK(line.in(kIir) == 0x00);
  CHECK(line.in(kMsr) == 0x04);
  CHECK(line.in(kIir) == 0x01);
}

TEST_CASE("serial: interrupts are told in order of priority", "[serial]") {
  Line line;
  line.out(kMcr, 0x10);
  line.in(kMsr);
  line.out(kMcr, 0x13);
  line.out(kData, 1);
  line.out(kData, 2);
  line.out(kIer, 0x0f);
  CHECK(line.in(kIir) == 0x06);
  line.in(kLsr);
  CHECK(line.in(kIir) == 0x04);
  line.in(kData);
  CHECK(line.in(kIir) == 0x02);
  CHECK(line.in(kIir) == 0x00);
  line.in(kMsr);
  CHECK(line.in(kIir) == 0x01);
}

TEST_CASE("serial: state moves whole, the interrupt line with it; damaged state is refused", "[serial]") {
  Line line;
  line.out(kIir, 0xc7);
  line.out(kMcr, kOut2);
  line.out(kIer, 0x03);
  line.type(std::string(100, 'y') + "end");
  line.host.is_ready = false;
  line.out(kData, 'z');

  Line other;
  other.host.is_ready = false;
  check_state_moves(line.serial, other.serial);
  CHECK(other.irq.level);
  CHECK(other.read_all() == std::string(100, 'y') + "end");

  StateWriter damaged;
  damaged.tag("serial");
  damaged.put_bytes({});
  StateReader in(damaged.bytes());
  CHECK_THROWS_AS(other.serial.load(in), HostError);
}
