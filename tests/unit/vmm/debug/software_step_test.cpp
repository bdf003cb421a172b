#include "vmm/debug/software_step.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <vector>

#include "vmm/cpu/entry_state.hpp"
#include "vmm/debug/arithmetic.hpp"
#include "vmm/memory/layout.hpp"

using namespace vmm;

namespace {

constexpr std::uint64_t kCode = 0x1000;
constexpr std::uint64_t kTables = 0x3000;
constexpr std::uint64_t kPml4 = 0x4000;
constexpr std::uint64_t kPdpt = 0x5000;
constexpr std::uint64_t kDirectory = 0x6000;
constexpr std::uint64_t kPageTable = 0x7000;
constexpr std::uint64_t kData = 0x8000;
constexpr std::uint64_t kStackTop = 0xa000;
constexpr std::uint64_t kTable = 0x23;  // present, writable, accessed
constexpr std::uint64_t kPage = 0x63;   // and dirty
constexpr std::uint64_t kUser = 4;
constexpr std::uint64_t kEntryAccessed = 0x20;
constexpr std::uint64_t kEntryDirty = 0x40;
constexpr std::uint64_t kEntryWritable = 2;
constexpr std::uint64_t kNoExecute = 1ULL << 63;
constexpr std::uint64_t kCr4Smep = 1U << 20;
constexpr std::uint64_t kCr4Smap = 1U << 21;
constexpr std::uint64_t kCr4Pke = 1U << 22;
constexpr std::uint64_t kCr4Cet = 1U << 23;

/// 2 MiB in pages of 4 KiB, each mapped to itself; code in one, data in another, the stack below kStackTop.
struct Cpu {
  explicit Cpu(bool long_mode = true) {
    memory.store(kPml4, kPdpt | kTable | kUser);
    memory.store(kPdpt, kDirectory | kTable | kUser);
    memory.store(kDirectory, kPageTable | kTable | kUser);
    for (std::uint64_t page = 0; page < 512; ++page) memory.store(kPageTable + page * 8, page * 4096 | kPage);
    state = long_mode ? long64_entry({}, kCode, kPml4, kTables) : protected32_entry({}, kCode, kTables);
    state.gpr[kRsp] = kStackTop;
  }
  std::uint64_t entry_of(std::uint64_t linear) const { return kPageTable + linear / 4096 * 8; }
  void change_entry(std::uint64_t linear, std::uint64_t clear, std::uint64_t set = 0) {
    memory.store(entry_of(linear), (*memory.load<std::uint64_t>(entry_of(linear)) & ~clear) | set);
  }
  void to_user_mode() {
    state.segments[kCs].dpl = state.segments[kSs].dpl = 3;
    change_entry(kCode, 0, kUser);
  }
  void put(const std::vector<unsigned>& code) {
    for (std::size_t i = 0; i < code.size(); ++i) memory.store(state.rip + i, static_cast<std::uint8_t>(code[i]));
  }
  bool step(const std::vector<unsigned>& code) {
    put(code);
    return step();
  }
  bool step() {
    const auto after = step_in_software(state, memory, planted, [&](const DataAccess& access) {
      accesses.push_back(access);
      return leave;
    });
    if (after) REQUIRE(looks_simple(state, memory, planted));
    if (after) state = *after;
    return after.has_value();
  }
  std::uint64_t flags() const { return state.rflags & kRflagsArithmetic; }
  std::uint64_t data(std::uint64_t at = kData) const { return *memory.load<std::uint64_t>(at); }

  GuestMemory memory{2 * layout::kMiB, layout::kRomGranule};
  PlantedBytes planted{memory};
  CpuState state;
  std::vector<DataAccess> accesses;
  bool leave = false;
};

const std::vector<unsigned> kStoreRax{0x48, 0x89, 0x04, 0x25, 0x00, 0x80, 0x00, 0x00};  // mov [0x8000], rax
const std::vector<unsigned> kLoadRax{0x48, 0x8b, 0x04, 0x25, 0x00, 0x80, 0x00, 0x00};   // mov rax, [0x8000]

}  // namespace

TEST_CASE("a function's entry is done under its planted byte, which stays", "[software_step]") {
  Cpu cpu;
  cpu.state.gpr[kRbp] = 0x1122334455667788;
  cpu.put({0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x10});  // push rbp; mov rbp, rsp; sub rsp, 16
  cpu.planted.plant(kCode, std::byte{0xcc});
  REQUIRE(cpu.step());
  REQUIRE(cpu.state.rip == kCode + 1);
  REQUIRE(cpu.data(kStackTop - 8) == 0x1122334455667788);
  REQUIRE(cpu.memory.load<std::uint8_t>(kCode) == 0xcc);
  REQUIRE(cpu.step());
  REQUIRE(cpu.state.gpr[kRbp] == kStackTop - 8);
  REQUIRE(cpu.step());
  REQUIRE(cpu.state.gpr[kRsp] == kStackTop - 24);
  REQUIRE(cpu.state.rip == kCode + 8);
}

TEST_CASE("call, ret, leave and the stack's instructions, in both modes", "[software_step]") {
  for (const bool long_mode : {true, false}) {
    Cpu cpu(long_mode);
    const std::uint64_t word = long_mode ? 8 : 4;
    REQUIRE(cpu.step({0xe8, 0xfb, 0x00, 0x00, 0x00}));  // call +0xfb
    REQUIRE(cpu.state.rip == kCode + 0x100);
    REQUIRE(cpu.state.gpr[kRsp] == kStackTop - word);
    REQUIRE(cpu.step({0x6a, 0xfe}));  // push -2
    REQUIRE(cpu.step({0x59}));        // pop rcx
    REQUIRE(cpu.state.gpr[kRcx] == (word == 8 ? ~std::uint64_t{1} : 0xfffffffe));
    REQUIRE(cpu.step({0xc2, 0x10, 0x00}));  // ret 16
    REQUIRE(cpu.state.rip == kCode + 5);
    REQUIRE(cpu.state.gpr[kRsp] == kStackTop + 16);
    cpu.state.gpr[kRbp] = kStackTop - 64;
    REQUIRE(cpu.memory.store<std::uint64_t>(kStackTop - 64, 0x1234));
    REQUIRE(cpu.step({0xc9}));  // leave
    REQUIRE(cpu.state.gpr[kRbp] == 0x1234);
    REQUIRE(cpu.state.gpr[kRsp] == kStackTop - 64 + word);
  }
}

TEST_CASE("results of 8, 16 and 32 bits leave or clear the rest of the register", "[software_step]") {
  Cpu cpu;
  cpu.state.gpr[kRax] = 0x1111111111111111;
  cpu.state.gpr[kRbx] = 0xffffffffffff8180;
  REQUIRE(cpu.step({0x88, 0xfc}));  // mov ah, bh
  REQUIRE(cpu.state.gpr[kRax] == 0x1111111111118111);
  REQUIRE(cpu.step({0x66, 0x89, 0xd8}));  // mov ax, bx
  REQUIRE(cpu.state.gpr[kRax] == 0x1111111111118180);
  REQUIRE(cpu.step({0x0f, 0xb6, 0xc3}));  // movzx eax, bl
  REQUIRE(cpu.state.gpr[kRax] == 0x80);
  REQUIRE(cpu.step({0x0f, 0xbe, 0xc7}));  // movsx eax, bh
  REQUIRE(cpu.state.gpr[kRax] == 0xffffff81);
  REQUIRE(cpu.step({0x48, 0x63, 0xc3}));  // movsxd rax, ebx
  REQUIRE(cpu.state.gpr[kRax] == 0xffffffffffff8180);
  REQUIRE(cpu.step({0x0f, 0x44, 0xc0}));  // cmove eax, eax: clears the upper half, condition or not
  REQUIRE(cpu.state.gpr[kRax] == 0xffff8180);
  REQUIRE(cpu.step({0x99}));  // cdq
  REQUIRE(cpu.state.gpr[kRdx] == 0xffffffff);
  REQUIRE(cpu.step({0x48, 0x98}));  // cdqe
  REQUIRE(cpu.state.gpr[kRax] == 0xffffffffffff8180);
  REQUIRE(cpu.step({0x48, 0x99}));  // cqo
  REQUIRE(cpu.state.gpr[kRdx] == ~std::uint64_t{0});
  REQUIRE(cpu.step({0x48, 0x93}));  // xchg rax, rbx
  REQUIRE(cpu.step({0x87, 0xd2}));  // xchg edx, edx
  REQUIRE(cpu.state.gpr[kRdx] == 0xffffffff);
}

TEST_CASE("arithmetic sets its flags and no others", "[software_step]") {
  struct Row {
    std::vector<unsigned> code;
    std::uint64_t rax;
    std::uint64_t result;
    std::uint64_t flags;
  };
  constexpr std::uint64_t kC = kRflagsCf, kP = kRflagsPf, kA = kRflagsAf, kZ = kRflagsZf, kS = kRflagsSf,
                          kO = kRflagsOf;
  const std::vector<Row> rows{
      {{0x04, 0x01}, 0xff, 0, kC | kP | kA | kZ},                       // add al, 1
      {{0x04, 0x01}, 0x7f, 0x80, kA | kS | kO},                         // add al, 1
      {{0x14, 0x00}, 0xff, 0, kC | kP | kA | kZ},                       // adc al, 0 with CF
      {{0x2c, 0x01}, 0x80, 0x7f, kA | kO},                              // sub al, 1
      {{0x1c, 0xff}, 0, 0, kC | kP | kA | kZ},                          // sbb al, -1 with CF
      {{0x3c, 0x01}, 0, 0, kC | kP | kA | kS},                          // cmp al, 1
      {{0x24, 0xf0}, 0x8f, 0x80, kS},                                   // and al, 0xf0
      {{0x34, 0xff}, 0xff, 0, kZ | kP},                                 // xor al, -1
      {{0xa8, 0x03}, 0x03, 0x03, kP},                                   // test al, 3
      {{0xfe, 0xc0}, 0xff, 0, kC | kP | kA | kZ},                       // inc al: CF stays
      {{0xfe, 0xc8}, 0x80, 0x7f, kC | kA | kO},                         // dec al: CF stays
      {{0xf6, 0xd8}, 0x80, 0x80, kC | kS | kO},                         // neg al
      {{0xf6, 0xd0}, 0x0f, 0xf0, kC | kP | kA | kZ | kS | kO},          // not al: all stay
      {{0xd0, 0xe0}, 0x80, 0, kC | kP | kZ | kO},                       // shl al, 1
      {{0xd0, 0xe8}, 0x81, 0x40, kC | kO},                              // shr al, 1
      {{0xc0, 0xf8, 0x02}, 0x82, 0xe0, kC | kS},                        // sar al, 2
      {{0x48, 0x83, 0xc0, 0xff}, 1, 0, kC | kP | kA | kZ},              // add rax, -1
      {{0x48, 0xc1, 0xe0, 0x3f}, 3, 0x8000000000000000, kC | kP | kS},  // shl rax, 63
  };
  for (const Row& row : rows) {
    Cpu cpu;
    cpu.state.gpr[kRax] = row.rax;
    cpu.state.rflags |= kRflagsArithmetic;
    INFO(std::hex << row.code[0] << " " << row.code[1] << " " << row.rax);
    REQUIRE(cpu.step(row.code));
    CHECK(cpu.state.gpr[kRax] == row.result);
    CHECK(cpu.flags() == row.flags);
  }
}

TEST_CASE("conditions", "[software_step]") {
  REQUIRE(condition_holds(0x0, kRflagsOf));
  REQUIRE(condition_holds(0x3, 0));
  REQUIRE(condition_holds(0x6, kRflagsZf));
  REQUIRE_FALSE(condition_holds(0x7, kRflagsCf));
  REQUIRE(condition_holds(0xa, kRflagsPf));
  REQUIRE(condition_holds(0xc, kRflagsSf));
  REQUIRE_FALSE(condition_holds(0xc, kRflagsSf | kRflagsOf));
  REQUIRE(condition_holds(0xe, kRflagsZf));
  REQUIRE(condition_holds(0xf, kRflagsSf | kRflagsOf));

  Cpu cpu;
  REQUIRE(cpu.step({0x74, 0x10}));  // je +16, not taken
  REQUIRE(cpu.state.rip == kCode + 2);
  cpu.state.rflags |= kRflagsZf;
  REQUIRE(cpu.step({0x74, 0xfe}));  // je to itself
  REQUIRE(cpu.state.rip == kCode + 2);
  REQUIRE(cpu.step({0x0f, 0x94, 0xc0}));  // sete al
  REQUIRE(cpu.state.gpr[kRax] == 1);
}

TEST_CASE("RF is clear behind an instruction", "[software_step]") {
  Cpu cpu;
  cpu.state.rflags |= kRflagsRf;
  REQUIRE(cpu.step({0x90}));
  REQUIRE((cpu.state.rflags & kRflagsRf) == 0);
}

TEST_CASE("what is not simple is refused and changes nothing", "[software_step]") {
  const std::vector<std::vector<unsigned>> refused{
      {0xf0, 0x48, 0x01, 0x04, 0x25, 0x00, 0x80, 0x00, 0x00},  // lock add [0x8000], rax
      {0xf3, 0xa4},                                            // rep movsb
      {0xf3, 0xc3},                                            // rep ret
      {0xf3, 0x90},                                            // pause
      {0xfb},                                                  // sti
      {0x8e, 0xd0},                                            // mov ss, ax
      {0x8c, 0xd8},                                            // mov eax, ds
      {0x0f, 0x20, 0xc0},                                      // mov rax, cr0
      {0xec},                                                  // in al, dx
      {0xf4},                                                  // hlt
      {0xcc},                                                  // int3
      {0xcb},                                                  // retf
      {0x48, 0xcf},                                            // iretq
      {0xff, 0xe0},                                            // jmp rax
      {0x66, 0xe9, 0x00, 0x00},                                // jmp with an operand-size prefix
      {0xd3, 0xe0},                                            // shl eax, cl
      {0xc1, 0xe0, 0x20},                                      // shl eax, 32: a count of 0
      {0x66, 0x50},                                            // push ax
      {0x0f, 0xa0},                                            // push fs
      {0x48, 0x87, 0x04, 0x25, 0x00, 0x80, 0x00, 0x00},        // xchg [0x8000], rax
      {0x0f, 0x58, 0xc0},                                      // addps
      {0x06},                                                  // none in 64-bit mode
  };
  for (const auto& code : refused) {
    Cpu cpu;
    INFO(std::hex << code[0]);
    CHECK_FALSE(cpu.step(code));
    CHECK(cpu.data() == 0);
  }
}

TEST_CASE("what has a simple one's name but not its operands does not look simple", "[software_step]") {
  const std::vector<std::vector<unsigned>> special{
      {0x0f, 0x23, 0xf8},  // mov dr7, rax
      {0x0f, 0x22, 0xd8},  // mov cr3, rax
      {0x8e, 0xd0},        // mov ss, ax
      {0x8c, 0xd8},        // mov eax, ds
      {0x0f, 0xa0},        // push fs
      {0x0f, 0xa1},        // pop fs
  };
  for (const auto& code : special) {
    Cpu cpu;
    cpu.put(code);
    INFO(std::hex << code[0] << ' ' << code[1]);
    CHECK_FALSE(looks_simple(cpu.state, cpu.memory, cpu.planted));
  }
  Cpu cpu;
  cpu.put({0x89, 0xc8});  // mov eax, ecx
  CHECK(looks_simple(cpu.state, cpu.memory, cpu.planted));
}

TEST_CASE("where more happens than an instruction does, it is refused", "[software_step]") {
  Cpu cpu;
  SECTION("trap flag") { cpu.state.rflags |= kRflagsTf; }
  SECTION("control-flow enforcement") { cpu.state.cr4 |= kCr4Cet; }
  SECTION("no execution") {
    cpu.state.efer |= kEferNxe;
    cpu.change_entry(kCode, 0, kNoExecute);
  }
  SECTION("a bit that is reserved without NXE") { cpu.change_entry(kCode, 0, kNoExecute); }
  SECTION("user code for the kernel, with SMEP") {
    cpu.change_entry(kCode, 0, kUser);
    cpu.state.cr4 |= kCr4Smep;
  }
  SECTION("the kernel's code for a user") {
    cpu.to_user_mode();
    cpu.change_entry(kCode, kUser);
  }
  SECTION("code that was never fetched") { cpu.change_entry(kCode, kEntryAccessed); }
  SECTION("other modes") { cpu.state.segments[kCs].l = false; }
  REQUIRE_FALSE(cpu.step({0x90}));
}

TEST_CASE("an instruction that leaves its page is refused", "[software_step]") {
  Cpu cpu;
  cpu.state.rip = kCode + 0xffe;
  REQUIRE_FALSE(cpu.step({0x48, 0x89, 0xe5}));
  cpu.state.rip = kCode + 0xffd;
  REQUIRE(cpu.step({0x48, 0x89, 0xe5}));
}

TEST_CASE("loads and stores go through where the CPU would have nothing to mark or to complain of", "[software_step]") {
  Cpu cpu;
  cpu.state.gpr[kRax] = 0x1122334455667788;
  REQUIRE(cpu.step(kStoreRax));
  REQUIRE(cpu.data() == 0x1122334455667788);
  REQUIRE(cpu.accesses.size() == 1);
  REQUIRE(cpu.accesses[0].linear == kData);
  REQUIRE(cpu.accesses[0].written);
  REQUIRE_FALSE(cpu.accesses[0].read);
  cpu.state.gpr[kRax] = 0;
  REQUIRE(cpu.step(kLoadRax));
  REQUIRE(cpu.state.gpr[kRax] == 0x1122334455667788);
}

TEST_CASE("stores that are refused", "[software_step]") {
  Cpu cpu;
  SECTION("into a read-only page, even with CR0.WP clear") { cpu.change_entry(kData, kEntryWritable); }
  SECTION("into a clean page") { cpu.change_entry(kData, kEntryDirty); }
  SECTION("into a page not accessed") { cpu.change_entry(kData, kEntryAccessed); }
  SECTION("into no page") { cpu.change_entry(kData, 1); }
  SECTION("into no memory") { cpu.change_entry(kData, 0, 0xfee00000); }
  SECTION("into read-only memory") { cpu.change_entry(kData, 0, 0xfffff000); }
  SECTION("into the kernel's page by a user") { cpu.to_user_mode(); }
  SECTION("into a user's page with SMAP") {
    cpu.change_entry(kData, 0, kUser);
    cpu.state.cr4 |= kCr4Smap;
  }
  SECTION("into a user's page with protection keys") {
    cpu.change_entry(kData, 0, kUser);
    cpu.state.cr4 |= kCr4Pke;
  }
  SECTION("onto a planted byte") { cpu.planted.plant(kData + 7, std::byte{0xcc}); }
  SECTION("over what may be a paging entry that KVM knows") { cpu.memory.store(kData, kPage); }
  SECTION("where the caller says so") { cpu.leave = true; }
  const std::uint64_t before = cpu.data();
  cpu.state.gpr[kRax] = 0x1122334455667788;
  REQUIRE_FALSE(cpu.step(kStoreRax));
  REQUIRE(cpu.data() == before);
}

TEST_CASE("a store that is not aligned is refused, a load is not", "[software_step]") {
  Cpu cpu;
  REQUIRE_FALSE(cpu.step({0x48, 0x89, 0x04, 0x25, 0x01, 0x80, 0x00, 0x00}));
  REQUIRE(cpu.step({0x48, 0x8b, 0x04, 0x25, 0x01, 0x80, 0x00, 0x00}));
  REQUIRE_FALSE(cpu.step({0x48, 0x8b, 0x04, 0x25, 0xfc, 0x8f, 0x00, 0x00}));  // into the next page
}

TEST_CASE("a load sees the guest's own bytes under planted ones", "[software_step]") {
  Cpu cpu;
  cpu.memory.store<std::uint64_t>(kData, 0x1122334455667788);
  cpu.planted.plant(kData + 1, std::byte{0xcc});
  REQUIRE(cpu.step(kLoadRax));
  REQUIRE(cpu.state.gpr[kRax] == 0x1122334455667788);
}

TEST_CASE("a user may use user pages", "[software_step]") {
  Cpu cpu;
  cpu.to_user_mode();
  cpu.change_entry(kData, 0, kUser);
  REQUIRE(cpu.step(kStoreRax));
}

TEST_CASE("segments of 32-bit mode: base, limit and rights", "[software_step]") {
  Cpu cpu(false);
  Segment& data = cpu.state.segments[kDs];
  const std::vector<unsigned> store{0xa3, 0x10, 0x00, 0x00, 0x00};  // mov [0x10], eax
  cpu.state.gpr[kRax] = 0x12345678;
  SECTION("base") {
    data.base = kData;
    REQUIRE(cpu.step(store));
    REQUIRE(cpu.data(kData + 0x10) == 0x12345678);
    return;
  }
  SECTION("limit") { data.limit = 0x12; }
  SECTION("expand-down") { data.type |= 4; }
  SECTION("read-only") { data.type = 1; }
  SECTION("null") { data.unusable = true; }
  REQUIRE_FALSE(cpu.step(store));
}

TEST_CASE("a jump out of the code segment or the canonical half is refused", "[software_step]") {
  Cpu cpu(false);
  cpu.state.segments[kCs].limit = 0x1fff;
  REQUIRE(cpu.step({0xe9, 0x00, 0x0f, 0x00, 0x00}));
  cpu.state.rip = kCode;
  REQUIRE_FALSE(cpu.step({0xe9, 0x00, 0x10, 0x00, 0x00}));

  Cpu wide;
  wide.memory.store<std::uint64_t>(kStackTop, 0x0000800000000000);
  REQUIRE_FALSE(wide.step({0xc3}));
}
