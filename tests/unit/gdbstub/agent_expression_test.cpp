#include "gdbstub/agent_expression.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "gdbstub/hex.hpp"

using namespace gdb;

namespace {

constexpr std::uint64_t kBase = 0x404000;
constexpr std::uint64_t kMin = std::uint64_t{1} << 63;
constexpr AgentShape kShape{.registers = 17, .state_variables = 4};

struct Machine : AgentMachine {
  std::optional<std::uint64_t> register_value(unsigned number) override {
    const auto found = registers.find(number);
    return found == registers.end() ? std::nullopt : std::optional(found->second);
  }
  bool read(std::uint64_t address, std::span<std::byte> out) override {
    ++reads;
    if (address < kBase || address - kBase > memory.size() || out.size() > memory.size() - (address - kBase))
      return false;
    std::ranges::copy(std::span(memory).subspan(address - kBase, out.size()), out.begin());
    return true;
  }
  void print(std::string_view piece) override { text += piece; }
  std::uint64_t state_variable(unsigned number) override { return variables[number]; }
  void set_state_variable(unsigned number, std::uint64_t value) override { variables[number] = value; }

  template <typename T>
  void put(std::uint64_t address, T value) {
    for (std::size_t i = 0; i < sizeof value; ++i)
      memory.at(address - kBase + i) = static_cast<std::byte>(static_cast<std::uint64_t>(value) >> 8 * i);
  }
  void put_text(std::uint64_t address, std::string_view string) {
    for (const char c : string) put(address++, static_cast<std::uint8_t>(c));
  }

  std::map<unsigned, std::uint64_t> registers{{6, 0x404800}, {16, 0x401106}};
  std::vector<std::byte> memory{0x2000};
  std::map<unsigned, std::uint64_t> variables;
  std::string text;
  int reads = 0;
};

/// Hexadecimal digits, with spaces for the eye.
std::vector<std::byte> code(std::string hex) {
  std::erase(hex, ' ');
  return bytes_of_hex(hex).value();
}

std::string refusal(const std::string& hex, AgentUse use = AgentUse::kCondition) {
  const auto verified = AgentExpression::verify(code(hex), use, kShape);
  return verified ? "accepted" : verified.error();
}

std::expected<std::uint64_t, std::string> run(const std::string& hex, Machine& machine) {
  const auto verified = AgentExpression::verify(code(hex), AgentUse::kCommand, kShape);
  if (!verified) return std::unexpected(verified.error());
  return verified->evaluate(machine);
}

std::uint64_t value(const std::string& hex) {
  Machine machine;
  const auto result = run(hex, machine);
  if (!result) FAIL(hex << ": " << result.error());
  return *result;
}

std::string failure(const std::string& hex) {
  Machine machine;
  const auto result = run(hex, machine);
  return result ? "none" : result.error();
}

std::string constant(std::uint64_t number) {
  const std::string digits = hex_of_number(number);
  return "25" + std::string(16 - digits.size(), '0') + digits;
}

/// Of "a b OPCODE end".
std::uint64_t binary(std::string_view opcode, std::uint64_t a, std::uint64_t b) {
  return value(constant(a) + constant(b) + std::string(opcode) + "27");
}

std::uint64_t unary(std::string_view opcode, std::uint64_t a) {
  return value(constant(a) + std::string(opcode) + "27");
}

/// The bytecode that gdb makes of a dprintf.
std::string print_code(std::string_view format, const std::vector<std::uint64_t>& arguments) {
  std::string hex;
  for (std::size_t i = arguments.size(); i-- > 0;) hex += constant(arguments[i]);
  hex += "2200220034";
  const std::array header{static_cast<std::byte>(arguments.size()), static_cast<std::byte>((format.size() + 1) >> 8),
                          static_cast<std::byte>((format.size() + 1) & 0xff)};
  append_hex(hex, header);
  return hex + hex_of_text(format) + "0027";
}

std::string printed(std::string_view format, const std::vector<std::uint64_t>& arguments, Machine machine = {}) {
  const auto result = run(print_code(format, arguments), machine);
  return result ? machine.text : "! " + result.error();
}

}  // namespace

TEST_CASE("arithmetic wraps at 64 bits and never traps") {
  CHECK(binary("02", 2, 3) == 5);
  CHECK(binary("02", UINT64_MAX, 1) == 0);
  CHECK(binary("03", 2, 3) == UINT64_MAX);
  CHECK(binary("04", UINT64_MAX, 3) == std::uint64_t{0} - 3);
  CHECK(binary("05", std::uint64_t{0} - 7, 2) == std::uint64_t{0} - 3);
  CHECK(binary("05", 7, UINT64_MAX) == std::uint64_t{0} - 7);
  CHECK(binary("05", kMin, UINT64_MAX) == kMin);
  CHECK(binary("06", UINT64_MAX, 2) == UINT64_MAX / 2);
  CHECK(binary("07", std::uint64_t{0} - 7, 2) == UINT64_MAX);
  CHECK(binary("07", kMin, UINT64_MAX) == 0);
  CHECK(binary("08", UINT64_MAX, 10) == UINT64_MAX % 10);
}

TEST_CASE("shifts by 64 or more leave zeros or signs") {
  CHECK(binary("09", 1, 63) == kMin);
  CHECK(binary("09", 1, 64) == 0);
  CHECK(binary("09", 1, UINT64_MAX) == 0);
  CHECK(binary("0a", kMin, 62) == std::uint64_t{0} - 2);
  CHECK(binary("0a", kMin, 64) == UINT64_MAX);
  CHECK(binary("0a", 5, UINT64_MAX) == 0);
  CHECK(binary("0b", kMin, 63) == 1);
  CHECK(binary("0b", kMin, 64) == 0);
}

TEST_CASE("logic and comparisons") {
  CHECK(unary("0e", 0) == 1);
  CHECK(unary("0e", kMin) == 0);
  CHECK(binary("0f", 0b1100, 0b1010) == 0b1000);
  CHECK(binary("10", 0b1100, 0b1010) == 0b1110);
  CHECK(binary("11", 0b1100, 0b1010) == 0b0110);
  CHECK(unary("12", 1) == UINT64_MAX - 1);
  CHECK(binary("13", 4, 4) == 1);
  CHECK(binary("13", 4, 5) == 0);
  CHECK(binary("14", UINT64_MAX, 1) == 1);
  CHECK(binary("14", 1, UINT64_MAX) == 0);
  CHECK(binary("15", UINT64_MAX, 1) == 0);
  CHECK(binary("15", 1, UINT64_MAX) == 1);
}

TEST_CASE("values are extended from any number of bits") {
  CHECK(unary("1608", 0x180) == std::uint64_t{0} - 0x80);
  CHECK(unary("1608", 0x17f) == 0x7f);
  CHECK(unary("163f", kMin - 1) == UINT64_MAX);
  CHECK(unary("1640", kMin) == kMin);
  CHECK(unary("16ff", kMin) == kMin);
  CHECK(unary("1601", 1) == UINT64_MAX);
  CHECK(unary("1600", 5) == 0);
  CHECK(unary("2a20", UINT64_MAX) == UINT32_MAX);
  CHECK(unary("2a3f", UINT64_MAX) == kMin - 1);
  CHECK(unary("2a40", UINT64_MAX) == UINT64_MAX);
  CHECK(unary("2a00", 5) == 0);
}

TEST_CASE("constants, and the stack") {
  CHECK(value("22ff 27") == 0xff);
  CHECK(value("23fffe 27") == 0xfffe);
  CHECK(value("24fffefdfc 27") == 0xfffefdfc);
  CHECK(value("25fffefdfcfbfaf9f8 27") == 0xfffefdfcfbfaf9f8);
  CHECK(value("2203 28 04 27") == 9);                // dup
  CHECK(value("2201 2202 29 27") == 1);              // pop
  CHECK(value("2201 2203 2b 03 27") == 2);           // swap
  CHECK(value("2205 2206 2207 3200 27") == 7);       // pick 0: dup
  CHECK(value("2205 2206 2207 3202 27") == 5);       // pick 2
  CHECK(value("2201 2202 2203 33 27") == 2);         // rot: 3 1 2
  CHECK(value("2201 2202 2203 33 29 27") == 1);      //      3 1
  CHECK(value("2201 2202 2203 33 29 29 27") == 3);   //      3
  CHECK(value("27") == 0);                           // a command may leave nothing
  CHECK(value("2201 200008 2202 27 2203 27") == 3);  // if_goto
  CHECK(value("2200 200008 2202 27 2203 27") == 2);  // if_goto not
  CHECK(value("210005 2202 2203 27") == 3);          // goto
}

TEST_CASE("memory is little endian, wherever it begins") {
  Machine machine;
  machine.put(kBase + 1, std::uint64_t{0x8877665544332211});
  CHECK(run("2400404001 17 27", machine) == 0x11);
  CHECK(run("2400404001 18 27", machine) == 0x2211);
  CHECK(run("2400404001 19 27", machine) == 0x44332211);
  CHECK(run("2400404001 1a 27", machine) == 0x8877665544332211);
}

TEST_CASE("registers and trace state variables are the machine's") {
  Machine machine;
  CHECK(run("260010 27", machine) == 0x401106);
  machine.variables[3] = 7;
  CHECK(run("2c0003 27", machine) == 7);
  CHECK(run("22ff 2d0001 27", machine) == 0xff);  // setv leaves its value
  CHECK(machine.variables[1] == 0xff);
  CHECK(run("2e0001 27", machine) == 0xff);  // tracev
}

TEST_CASE("the trace opcodes take what they shall and record nothing") {
  Machine machine;
  CHECK(run("2205 2201 2202 0c 27", machine) == 5);  // trace
  CHECK(run("2205 2201 2202 2f 27", machine) == 5);  // tracenz
  CHECK(run("2205 0dff 27", machine) == 5);          // trace_quick
  CHECK(run("2205 30ffff 27", machine) == 5);        // trace16
  CHECK(machine.reads == 0);
}

TEST_CASE("bytecode that could do harm is refused with a sentence") {
  CHECK(refusal("") == "the bytecode is empty");
  for (const std::string opcode : {"00", "31", "35", "ff"})
    CHECK(refusal(opcode) == "byte 0 of the bytecode: 0x" + opcode + " is no opcode");
  CHECK(refusal("2200 01 27") == "byte 2 of the bytecode: float is not implemented");
  for (const std::string opcode : {"1b", "1c", "1d", "1e", "1f"})
    CHECK_THAT(refusal("2200" + opcode + "27"), Catch::EndsWith("is not implemented"));
  for (const std::string cut : {"0d", "16", "2000", "21", "22", "2300", "24000000", "25", "2600", "2a", "2c00", "2d00",
                                "2e00", "3000", "32", "340000"})
    CHECK_THAT(refusal("2200" + cut), Catch::StartsWith("byte 2 of") && Catch::EndsWith("is cut off"));
  CHECK(refusal("260011 27") == "byte 0 of the bytecode: there is no register 17");
  CHECK(refusal("2c0004 27") == "byte 0 of the bytecode: there is no trace state variable 4");
  CHECK(refusal("22002dffff27") == "byte 2 of the bytecode: there is no trace state variable 65535");
  CHECK(refusal("2e0004 27") == "byte 0 of the bytecode: there is no trace state variable 4");
  CHECK(refusal("210002 27") == "byte 0 of the bytecode: no instruction begins at 2, to jump to");
  CHECK(refusal("2200 200007 27") == "byte 2 of the bytecode: no instruction begins at 7, to jump to");
  CHECK(refusal("2200") == "byte 0 of the bytecode: the last instruction, and no end");
  CHECK(refusal("2200 200000") == "byte 2 of the bytecode: the last instruction, and no end");
  CHECK(refusal("27") == "byte 0 of the bytecode: a condition that leaves no value");
  CHECK(refusal("2200 29 27") == "byte 3 of the bytecode: a condition that leaves no value");
}

TEST_CASE("the stack is proven sound before anything runs") {
  for (const std::string two : {"02", "03", "04", "05", "06", "07", "08", "09", "0a", "0b",
                                "0c", "0f", "10", "11", "13", "14", "15", "2b", "2f", "3201"})
    CHECK_THAT(refusal("2200" + two + "220027"), Catch::EndsWith("finds the stack too empty"));
  for (const std::string one :
       {"0e", "12", "1608", "17", "18", "19", "1a", "200000", "28", "29", "2a08", "0d01", "2d0001", "300001", "3200"})
    CHECK_THAT(refusal(one + "220027"), Catch::EndsWith("finds the stack too empty"));
  CHECK(refusal("2200 2200 33 27") == "byte 4 of the bytecode: rot finds the stack too empty");
  CHECK(refusal("2200 340000012200") == "byte 2 of the bytecode: the format of printf has no end");
  CHECK(refusal("2200 340000010027") == "byte 2 of the bytecode: printf finds the stack too empty");

  std::string full;
  for (std::size_t i = 0; i < kMaxAgentStack; ++i) full += "2200";
  CHECK(refusal(full + "27") == "accepted");
  CHECK(refusal(full + "2827") == "byte 512 of the bytecode: more than 256 values on the stack");

  const std::string depends = "of the bytecode: the depth of the stack depends on the way here";
  CHECK(refusal("2201 2201 200009 2202 27") == "byte 9 " + depends);  // one way pushes, the other doesn't
  CHECK(refusal("2200 210000") == "byte 0 " + depends);               // a loop that pushes
  // Not reachable, so without a depth; but still instructions.
  CHECK(refusal("2201 27 29 29") == "accepted");
  CHECK(refusal("2201 27 ff") == "byte 3 of the bytecode: 0xff is no opcode");
}

TEST_CASE("what goes wrong while it runs is an error with a sentence") {
  for (const std::string division : {"05", "06", "07", "08"})
    CHECK(failure("2201 2200" + division + "27") == "division by zero");
  for (const std::string fetch : {"17", "18", "19", "1a"})
    CHECK(failure("2410000000" + fetch + "27") == "memory at 0x10000000 can't be read");
  CHECK(failure("24 00405fff 18 27") == "memory at 0x405fff can't be read");
  CHECK(failure("260003 27") == "register 3 can't be read");
  CHECK(failure("210000") == "no end after 10000 instructions");
  CHECK(failure("2200 2201 02 28 200002 27") == "no end after 10000 instructions");
  CHECK(value("230800 2201 03 28 200003 27") == 0);  // counts down from 2048
}

TEST_CASE("printf knows C's integer conversions") {
  const std::uint64_t minus = std::uint64_t{0} - 5;
  CHECK(printed("plain %% text", {}) == "plain % text");
  CHECK(printed("%d %i %u", {minus, 7, minus}) == "-5 7 4294967291");
  CHECK(printed("%x %X %o", {0xbeef, 0xbeef, 8}) == "beef BEEF 10");
  CHECK(printed("%#x %#o %#X", {0xbeef, 8, 1}) == "0xbeef 010 0X1");
  CHECK(printed("%hhd %hd %hhu", {0x1ff, 0x18000, 0x1ff}) == "-1 -32768 255");
  CHECK(printed("%ld %lld %zu %jd %tx", {kMin, minus, minus, minus, minus}) ==
        "-9223372036854775808 -5 18446744073709551611 -5 fffffffffffffffb");
  CHECK(printed("[%5d|%-5d|%05d|%+d|% d|%.3d|%8.3d|%.0d]", {1, 2, 3, 4, 5, 6, 7, 0}) ==
        "[    1|2    |00003|+4| 5|006|     007|]");
  CHECK(printed("%'d", {1234567}) == "1234567");
  CHECK(printed("%c%3c%-3c|", {'a', 'b', 0x100 + 'c'}) == "a  bc  |");
  CHECK(printed("%c", {0}) == std::string(1, '\0'));
  CHECK(printed("%p %p %12p|%-10p|", {0, 0x7c00, 0x7c00, 0}) == "(nil) 0x7c00       0x7c00|(nil)     |");
  CHECK(printed(R"(\t\"\\\a\b\e\f\n\r\v)", {}) == "\t\"\\\a\b\x1b\f\n\r\v");
  CHECK(printed("", {}).empty());
  CHECK(printed("%4096d", {1}).size() == 4096);
  CHECK(printed("%+.4096d", {1}).size() == 4097);
  CHECK(printed("%#.4096x", {1}).size() == 4098);
}

TEST_CASE("printf reads strings from memory, and no further than they go") {
  Machine machine;
  machine.put_text(kBase + 120, "hello, world");
  CHECK(printed("[%s|%7.3s|%-6.2s|%.0s]", {kBase + 120, kBase + 127, kBase + 120, 1}, machine) ==
        "[hello, world|    wor|he    |]");
  CHECK(printed("%s", {kBase + 0x800}, machine).empty());
  CHECK(printed("%s %s", {0, 0}, machine) == "(null) (null)");
  CHECK(printed("%s", {1}, machine) == "! memory at 0x1 can't be read");
  // The last bytes of memory, with a zero and with none.
  const std::uint64_t last = kBase + 0x2000 - 4;
  machine.put_text(last, std::string_view("abc\0", 4));
  CHECK(printed("%s", {last}, machine) == "abc");
  machine.put_text(last, "abcd");
  CHECK(printed("%.4s", {last}, machine) == "abcd");
  CHECK(printed("%s", {last}, machine) == "! memory at 0x406000 can't be read");
  std::ranges::fill(machine.memory, std::byte{'x'});
  CHECK(printed("%s", {kBase + 5}, machine) == std::string(4096, 'x'));
}

TEST_CASE("a format that isn't one is refused when it is planted") {
  const auto refused = [](std::string_view format, std::size_t arguments = 1) {
    return refusal(print_code(format, std::vector<std::uint64_t>(arguments)), AgentUse::kCommand);
  };
  const auto sentence = [](const std::string& text) { return Catch::EndsWith("of the bytecode: " + text); };
  CHECK(refused("%d") == "accepted");
  for (const std::string letter : {"f", "e", "g", "a", "n", "S", "V", "*", "L"})
    CHECK_THAT(refused("%" + letter), sentence("the target can't print %" + letter));
  CHECK_THAT(refused("%*d", 2), sentence("the target can't print %*"));
  CHECK_THAT(refused("%\x01"), sentence("a conversion in the format isn't one"));
  for (const std::string cut : {"%", "%5", "%-", "%5.", "%5.2", "%ll"})
    CHECK_THAT(refused(cut), sentence("a conversion in the format is cut off"));
  for (const std::string bad : {"%#d", "%+x", "% u", "%0s", "%+s", "%.1c", "%05c", "%.3p", "%#p", "%ls", "%lc", "%hp"})
    CHECK_THAT(refused(bad), Catch::EndsWith("has a flag, precision or length that it can't have"));
  for (const std::string wide : {"%4097d", "%.4097d", "%99999999999999999999999d", "%.99999999999999999999s"})
    CHECK_THAT(refused(wide), Catch::EndsWith("is wider than 4096 characters"));
  for (const std::string escape : {R"(\q)", R"(\)", R"(\0)", R"(\x41)"})
    CHECK_THAT(refused(escape, 0), sentence("an escape in the format that isn't one"));
  CHECK_THAT(refused("%d %d"), sentence("the format wants 2 arguments and has 1"));
  CHECK_THAT(refused("none"), sentence("the format wants 0 arguments and has 1"));
  const auto verify = [](const std::string& hex) { return refusal(hex, AgentUse::kCommand); };
  CHECK_THAT(verify("2200 2200 34 00 0000 27"), sentence("the format of printf has no end"));
  CHECK_THAT(verify("2200 2200 34 00 0003 41 42 27"), sentence("the format of printf has no end"));
  CHECK_THAT(verify("2200 2200 34 00 0009 41 00 27"), sentence("the format of printf has no end"));
}

TEST_CASE("one evaluation prints only so much") {
  // A loop around a printf of 4000 bytes.
  const std::string loop = "2201 2200 2200 34 01 0007 2534303030640021 0000";
  Machine machine;
  CHECK(run(loop, machine) == std::unexpected(std::string("more than 65536 bytes to print")));
  CHECK(machine.text.size() == 64000);
}

// What gdb 13.1 sends in Z0 packets for a breakpoint on the first byte of f(int x, struct s *p) with a local y. From
// the stack pointer (register 7): x at -28, p at -40, y at -12; g at 0x404010 of struct s { int a; unsigned char b; int
// bf : 5; unsigned ub : 7; long long ll; }; str at 0x404020, int arr[4] at 0x404040.
namespace {

struct Frame : Machine {
  static constexpr std::uint64_t kStack = kBase + 0x800;
  static constexpr std::uint64_t kG = kBase + 0x10;
  Frame() {
    registers[7] = kStack;
    put(kStack - 40, kG);
    put(kStack - 8, UINT64_MAX);
    put(kG, 1);
    put(kG + 5, std::uint16_t{0b111'10001});  // bf = -15, ub = 7
    put(kG + 8, std::int64_t{-44});
    put(kBase + 0x20, kBase + 0x100);
    put_text(kBase + 0x100, "hello");
    put(kBase + 0x40 + 4, -9);
  }
  std::optional<std::uint64_t> of(int x, const std::string& hex, AgentUse use = AgentUse::kCondition) {
    put(kStack - 28, x);
    const auto verified = AgentExpression::verify(code(hex), use, kShape);
    if (!verified) FAIL(verified.error());
    const auto result = verified->evaluate(*this);
    if (!result) FAIL(result.error());
    return *result;
  }
};

}  // namespace

TEST_CASE("conditions compiled by gdb") {
  Frame f;
  // x==3 && p->a < 4 || y
  const std::string logic =
      "26000722080222dc16080219162022031320001721003426000722080222d01608021a19162022041420002f210034220121003622002000"
      "4f"
      "26000722080222ec16080219162020004f2200210051220127";
  CHECK(f.of(3, logic) == 1);
  CHECK(f.of(2, logic) == 0);
  f.put(Frame::kG, 4);
  CHECK(f.of(3, logic) == 0);
  f.put(Frame::kStack - 12, 1);
  CHECK(f.of(3, logic) == 1);

  // (short)x % 3u
  const std::string remainder = "26000722080222dc160802191620161022032b2a202b082a2027";
  CHECK(f.of(0x12345, remainder) == 0x2345 % 3);
  CHECK(f.of(-2, remainder) == UINT32_MAX - 1 - (UINT32_MAX - 1) / 3 * 3);
  // arr[x] / -2
  CHECK(f.of(1, "240040404026000722080222dc160802191620220404022a4019162022fe160805162027") == 4);
  // p->bf
  CHECK(f.of(0, "26000722080222d01608021a22050217160527") == std::uint64_t{0} - 15);
  // $rip
  CHECK(f.of(0, "2600102a4027") == 0x401106);
  // x > 2 ? ~x : (x << 3) >> 1
  const std::string choice =
      "26000722080222dc16080219162022022b140e20002a26000722080222dc16080219162012162021004226000722080222dc160802191620"
      "22"
      "0309162022010a162027";
  CHECK(f.of(2, choice) == 8);
  CHECK(f.of(5, choice) == ~std::uint64_t{5});
  CHECK(f.of(-1, choice) == std::uint64_t{0} - 4);
  // g.a, !x ^ 5 | 6 & 7
  CHECK(f.of(0, "24004040102926000722080222dc1608021916200e22051122061027") == ((1 ^ 5) | 6));
  // *(unsigned long*)$rsp == -1
  CHECK(f.of(0, "2600072a401a22ff16082a401327") == 0);
  // g.ll % 3 > g.ub
  CHECK(f.of(0, "24004040102208021a1640220307164024004040102205021822050b2a072b1427") == 0);
}

TEST_CASE("a condition that counts, compiled by gdb") {
  // tvariable $n; ($n = $n + 1) > 100
  const auto counts =
      AgentExpression::verify(code("2c000122010216402d000122642b1427"), AgentUse::kCondition, kShape).value();
  Machine machine;
  for (int hit = 1; hit <= 100; ++hit) CHECK(counts.evaluate(machine) == 0);
  CHECK(counts.evaluate(machine) == 1);
  CHECK(machine.variables[1] == 101);
}

TEST_CASE("dprintf compiled by gdb") {
  Frame f;
  // "x=%d s=%s\n",x,str
  f.of(-3, "24004040201a26000722080222dc160802191620220022003402000c783d256420733d25735c6e0027", AgentUse::kCommand);
  // "%p %c %lu %5d %-8x|\t\"%%\n",p,65,p->ll,x,x
  f.of(7,
       "26000722080222dc16080219162026000722080222dc16080219162026000722080222d01608021a2208021a164022412600072208022"
       "2d01608021a220022003405001c257020256320256c752025356420252d38787c5c745c2225255c6e0027",
       AgentUse::kCommand);
  // "plain\n"
  f.of(0, "2200220034000008706c61696e5c6e0027", AgentUse::kCommand);
  CHECK(f.text ==
        "x=-3 s=hello\n"
        "0x404010 A 18446744073709551572     7 7       |\t\"%\n"
        "plain\n");
}
