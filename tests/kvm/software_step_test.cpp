// One instruction at a time, by step_in_software and by KVM, from equal states: what is behind it must be equal, too.
// In kernel mode KVM single-steps (on PVM that is its emulator). In user mode the instruction runs freely, into a page
// full of `out dx, al`: on every host that is the real CPU.
#include "vmm/debug/software_step.hpp"

#include <fmt/format.h>

#include <array>
#include <random>
#include <string>
#include <vector>

#include "tests/kvm/guest.hpp"
#include "vmm/cpu/entry_state.hpp"
#include "vmm/debug/arithmetic.hpp"
#include "vmm/kvm/bench.hpp"

using namespace vmm;
using kvm::Bench;

namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kInstruction = Bench::kCode + 0x200;  // branches of 8 bits reach either side
constexpr std::byte kOutDx{0xee};
constexpr std::uint64_t kIopl3 = 3U << 12;

/// What the SDM leaves undefined, of the flags.
enum class Undefined : std::uint8_t { kNothing, kAf, kAfAndOf };

struct Form {
  const char* name;
  std::vector<unsigned> opcode;
  bool modrm = false;
  unsigned immediate = 0;  ///< bytes; kOperand: as the operand's size is, at most 4
  int digit = -1;          ///< in the reg field of ModR/M
  Undefined undefined = Undefined::kNothing;
  bool long_only = false;
};
constexpr unsigned kOperand = 99;
constexpr unsigned kBranch = 98;  ///< 4 bytes that stay in the page
constexpr auto kAf = Undefined::kAf;
constexpr auto kAfAndOf = Undefined::kAfAndOf;

const std::vector<Form>& forms() {
  static const std::vector<Form> all = [] {
    std::vector<Form> made{
        {"nop", {0x90}},
        {"long nop", {0x0f, 0x1f}, true, 0, 0},
        {"endbr64", {0xf3, 0x0f, 0x1e, 0xfa}},
        {"mov r/m8, r8", {0x88}, true},
        {"mov r/m, r", {0x89}, true},
        {"mov r8, r/m8", {0x8a}, true},
        {"mov r, r/m", {0x8b}, true},
        {"mov r/m8, imm", {0xc6}, true, 1, 0},
        {"mov r/m, imm", {0xc7}, true, kOperand, 0},
        {"movzx r, r/m8", {0x0f, 0xb6}, true},
        {"movzx r, r/m16", {0x0f, 0xb7}, true},
        {"movsx r, r/m8", {0x0f, 0xbe}, true},
        {"movsx r, r/m16", {0x0f, 0xbf}, true},
        {"movsxd", {0x48, 0x63}, true, 0, -1, Undefined::kNothing, true},
        {"lea", {0x8d}, true},
        {"leave", {0xc9}},
        {"xchg r8", {0x86}, true},
        {"xchg", {0x87}, true},
        {"cwde", {0x98}},
        {"cdq", {0x99}},
        {"push imm8", {0x6a}, false, 1},
        {"push imm32", {0x68}, false, 4},
        {"push r/m", {0xff}, true, 0, 6},
        {"pop r/m", {0x8f}, true, 0, 0},
        {"inc r/m8", {0xfe}, true, 0, 0},
        {"dec r/m8", {0xfe}, true, 0, 1},
        {"inc", {0xff}, true, 0, 0},
        {"dec", {0xff}, true, 0, 1},
        {"not r/m8", {0xf6}, true, 0, 2},
        {"neg r/m8", {0xf6}, true, 0, 3},
        {"not", {0xf7}, true, 0, 2},
        {"neg", {0xf7}, true, 0, 3},
        {"test r/m8, imm", {0xf6}, true, 1, 0, kAf},
        {"test r/m, imm", {0xf7}, true, kOperand, 0, kAf},
        {"test r/m8, r8", {0x84}, true, 0, -1, kAf},
        {"test r/m, r", {0x85}, true, 0, -1, kAf},
        {"jmp short", {0xeb}, false, 1},
        {"jmp", {0xe9}, false, kBranch},
        {"call", {0xe8}, false, kBranch},
        {"ret", {0xc3}},
        {"ret imm", {0xc2}, false, 2},
    };
    for (unsigned reg = 0; reg < 8; ++reg) {
      made.push_back({"mov r, imm", {0xb8 + reg}, false, kOperand});
      made.push_back({"push r", {0x50 + reg}});
      made.push_back({"pop r", {0x58 + reg}});
      made.push_back({"xchg rax, r", {0x90 + reg}});
    }
    for (unsigned operation = 0; operation < 8; ++operation) {  // add or adc sbb and sub xor cmp
      const bool logical = operation == 1 || operation == 4 || operation == 6;
      const auto undefined = logical ? kAf : Undefined::kNothing;
      for (unsigned form = 0; form < 4; ++form) made.push_back({"alu", {operation * 8 + form}, true, 0, -1, undefined});
      made.push_back({"alu al, imm", {operation * 8 + 4}, false, 1, -1, undefined});
      made.push_back({"alu rax, imm", {operation * 8 + 5}, false, kOperand, -1, undefined});
      made.push_back({"alu r/m8, imm", {0x80}, true, 1, static_cast<int>(operation), undefined});
      made.push_back({"alu r/m, imm", {0x81}, true, kOperand, static_cast<int>(operation), undefined});
      made.push_back({"alu r/m, imm8", {0x83}, true, 1, static_cast<int>(operation), undefined});
    }
    for (const int digit : {4, 5, 7}) {  // shl shr sar
      made.push_back({"shift r/m8, imm", {0xc0}, true, 1, digit, kAfAndOf});
      made.push_back({"shift r/m, imm", {0xc1}, true, 1, digit, kAfAndOf});
      made.push_back({"shift r/m8, 1", {0xd0}, true, 0, digit, kAf});
      made.push_back({"shift r/m, 1", {0xd1}, true, 0, digit, kAf});
    }
    for (unsigned condition = 0; condition < 16; ++condition) {
      made.push_back({"jcc short", {0x70 + condition}, false, 1});
      made.push_back({"jcc", {0x0f, 0x80 + condition}, false, kBranch});
      made.push_back({"setcc", {0x0f, 0x90 + condition}, true});
      made.push_back({"cmovcc", {0x0f, 0x40 + condition}, true});
    }
    return made;
  }();
  return all;
}

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  bool one_in(std::uint64_t count) { return below(count) == 0; }

  /// Near each other, near zero, near the sign, addresses of data, and anything.
  std::uint64_t value() {
    static constexpr std::array<std::uint64_t, 8> kEdges = {0,      0x7f,       0x80,       0xffff,
                                                            0x8000, 0x7fffffff, 0x80000000, ~std::uint64_t{0}};
    switch (below(4)) {
      case 0: return kEdges.at(below(kEdges.size()));
      case 1: return random_();
      case 2: return below(8);
      default: return address();
    }
  }
  std::uint64_t address() { return Bench::kData + 0x100 + below(0x700) * 2; }

  void fill(CpuState& state) {
    for (auto& reg : state.gpr) reg = one_in(2) ? address() : value();
    state.gpr[kRsp] = Bench::kStack - 0x800 + below(0x40) * 8;
    if (one_in(2)) state.gpr[kRbp] = state.gpr[kRsp] + below(0x20) * 8;
    state.rflags = (state.rflags & ~kRflagsArithmetic) | (random_() & kRflagsArithmetic);
  }

  std::vector<unsigned> instruction(const Form& form, bool long_mode) {
    std::vector<unsigned> code;
    const bool own_prefix = form.opcode[0] == 0xf3 || form.long_only;
    const bool narrow = !own_prefix && one_in(5);
    const unsigned rex = long_mode && !own_prefix && one_in(2) ? 0x40 + static_cast<unsigned>(below(16)) : 0;
    if (narrow) code.push_back(0x66);
    if (rex != 0) code.push_back(rex);
    code.insert(code.end(), form.opcode.begin(), form.opcode.end());
    if (form.modrm) add_modrm(code, form.digit);
    const bool wide = (rex & 8) != 0;
    const bool moves_64 = wide && form.opcode[0] >= 0xb8 && form.opcode[0] < 0xc0;
    unsigned count = form.immediate;
    if (count == kOperand) count = moves_64 ? 8 : (narrow && !wide ? 2 : 4);
    if (count == kBranch) {
      const auto distance = static_cast<std::uint32_t>(below(0x600)) - 0x100U;
      for (unsigned i = 0; i < 4; ++i) code.push_back(distance >> (8 * i) & 0xff);
      return code;
    }
    for (unsigned i = 0; i < count; ++i) code.push_back(static_cast<unsigned>(one_in(4) ? below(3) : below(256)));
    return code;
  }

 private:
  void add_modrm(std::vector<unsigned>& code, int digit) {
    const auto reg = digit >= 0 ? static_cast<unsigned>(digit) : static_cast<unsigned>(below(8));
    const auto mod = static_cast<unsigned>(below(4));
    const auto rm = static_cast<unsigned>(below(8));
    code.push_back(mod << 6 | reg << 3 | rm);
    if (mod == 3) return;
    unsigned base = rm;
    if (rm == 4) {
      base = static_cast<unsigned>(below(8));
      const auto index = one_in(2) ? 4U : static_cast<unsigned>(below(8));
      code.push_back(static_cast<unsigned>(below(4)) << 6 | index << 3 | base);
    }
    if (mod == 1) {
      code.push_back(static_cast<unsigned>(below(256)));
    } else if (mod == 2 || base == 5) {
      // Behind rip, or by itself: into the data.
      const bool alone = mod == 0;
      const bool relative = alone && rm == 5;
      const std::uint64_t distance = relative ? address() - kInstruction : alone ? address() : below(0x400);
      for (unsigned i = 0; i < 4; ++i) code.push_back(static_cast<unsigned>(distance >> (8 * i) & 0xff));
    }
  }

  std::mt19937_64 random_;
};

std::string text_of(const std::vector<unsigned>& code) {
  std::string text;
  for (const unsigned byte : code) text += fmt::format("{:02x} ", byte);
  return text;
}

std::string difference_of(const CpuState& mine, const CpuState& theirs) {
  std::string text;
  for (std::size_t i = 0; i < mine.gpr.size(); ++i) {
    if (mine.gpr[i] == theirs.gpr[i]) continue;
    text += fmt::format("register {}: {:#x}, not {:#x}; ", i, mine.gpr[i], theirs.gpr[i]);
  }
  if (mine.rip != theirs.rip) text += fmt::format("rip: {:#x}, not {:#x}; ", mine.rip, theirs.rip);
  if (mine.rflags != theirs.rflags) text += fmt::format("rflags: {:#x}, not {:#x}; ", mine.rflags, theirs.rflags);
  if (text.empty() && mine != theirs) text = "segments or control registers";
  return text;
}

/// The pages that an instruction may change.
class Scratch {
 public:
  explicit Scratch(GuestMemory& memory) : memory_(memory) {}
  static bool contains(std::uint64_t physical) {
    return physical / kPage == Bench::kData / kPage || physical / kPage == (Bench::kStack - 1) / kPage;
  }
  using Bytes = std::array<std::byte, 2 * kPage>;
  Bytes save() const {
    Bytes bytes;
    memory_.read(Bench::kData, std::span(bytes).first(kPage));
    memory_.read(Bench::kStack - kPage, std::span(bytes).last(kPage));
    return bytes;
  }
  void restore(const Bytes& bytes) {
    memory_.write(Bench::kData, std::span(bytes).first(kPage));
    memory_.write(Bench::kStack - kPage, std::span(bytes).last(kPage));
  }

 private:
  GuestMemory& memory_;
};

class Comparison {
 public:
  enum class Way : std::uint8_t { kStep, kRunInto };

  Comparison(Bench& bench, const CpuState& start, Way way, std::uint64_t seed)
      : bench_(bench), way_(way), start_(start), generator_(seed) {
    constexpr std::uint64_t kMarked = 0x60;  // accessed, dirty
    GuestMemory& memory = bench_.memory();
    for (const std::uint64_t entry : {0x4000, 0x5000, 0x6000}) {
      memory.store(entry, *memory.load<std::uint64_t>(entry) | kMarked);
    }
    for (std::uint64_t at = Bench::kCode; at < Bench::kCode + kPage; ++at) memory.store(at, kOutDx);
    for (std::uint64_t i = 0; i < kPage; i += 8) {
      memory.store(Bench::kData + i, generator_.value());
      // What a RET may find.
      memory.store(Bench::kStack - kPage + i, Bench::kCode + generator_.below(kPage - 8));
    }
  }

  /// False when it was refused, or leads where nothing stops it.
  bool compare(const Form& form) {
    const std::vector<unsigned> code = generator_.instruction(form, mode_of(start_) == CpuMode::kLong64);
    GuestMemory& memory = bench_.memory();
    for (std::size_t i = 0; i < kLongestInstruction; ++i) {
      memory.store(kInstruction + i, i < code.size() ? static_cast<std::byte>(code[i]) : kOutDx);
    }
    CpuState before = start_;
    generator_.fill(before);
    before.rip = kInstruction;
    const auto memory_before = scratch_.save();
    const auto mine = step_in_software(before, memory, planted_,
                                       [](const DataAccess& access) { return !Scratch::contains(access.physical); });
    // Only there, and not inside the instruction itself, is it stopped again.
    const bool comparable = mine && mine->rip / kPage == Bench::kCode / kPage &&
                            (mine->rip < kInstruction || mine->rip >= kInstruction + code.size());
    if (comparable) {
      const auto memory_mine = scratch_.save();
      scratch_.restore(memory_before);
      INFO(form.name << ": " << text_of(code));
      const auto theirs = by_kvm(before);
      if (!theirs) {
        // On PVM a step that begins at ENDBR does not end behind it.
        REQUIRE(form.name == std::string("endbr64"));
        return true;
      }
      REQUIRE(difference_of(without_undefined(*mine, form), without_undefined(*theirs, form)) == "");
      REQUIRE(memory_mine == scratch_.save());
    } else {
      scratch_.restore(memory_before);
    }
    return comparable;
  }

 private:
  /// Empty when KVM could not step it.
  std::optional<CpuState> by_kvm(const CpuState& before) {
    kvm::Exit exit = bench_.run(before, {.step = way_ == Way::kStep});
    CpuState after = bench_.vcpu().state();
    if (way_ == Way::kStep) {
      // A #DB of the step before, where KVM reports that again (HostAbilities::stale_step).
      constexpr int kMostStale = 16;
      for (int i = 0; i < kMostStale && after.rip == before.rip && after.gpr == before.gpr; ++i) {
        bench_.vcpu().set_debug({.step = true});
        exit = bench_.resume();
        after = bench_.vcpu().state();
      }
      return std::holds_alternative<kvm::ExitDebug>(exit) ? std::optional(after) : std::nullopt;
    }
    // On PVM users have no IOPL, so that most ports are a #GP, which no IDT takes; else the OUT is done.
    const bool out = std::holds_alternative<kvm::ExitIo>(exit);
    REQUIRE((out || std::holds_alternative<kvm::ExitShutdown>(exit)));
    bench_.settle();
    if (out) {
      after = bench_.vcpu().state();
      --after.rip;
    }
    after.rflags = (after.rflags & ~kRflagsRf) | kIopl3;
    return after;
  }

  static CpuState without_undefined(CpuState state, const Form& form) {
    if (form.undefined >= Undefined::kAf) state.rflags &= ~kRflagsAf;
    if (form.undefined == Undefined::kAfAndOf) state.rflags &= ~kRflagsOf;
    return state;
  }

  Bench& bench_;
  Way way_;
  CpuState start_;
  Generator generator_;
  PlantedBytes planted_{bench_.memory()};
  Scratch scratch_{bench_.memory()};
};

/// Each form, and each must have been done in software at least sometimes: so nothing passes by being refused.
void compare_all(Bench& bench, const CpuState& start, Comparison::Way way) {
  constexpr int kRounds = 40;
  constexpr std::uint64_t kSeed = 2026;
  Comparison comparison(bench, start, way, kSeed);
  const bool long_mode = mode_of(start) == CpuMode::kLong64;
  int total = 0;
  for (const Form& form : forms()) {
    if (form.long_only && !long_mode) continue;
    const int count = kRounds;  // on slow hosts, too: with fewer, some form might be refused each time
    int done = 0;
    for (int i = 0; i < count; ++i) done += comparison.compare(form) ? 1 : 0;
    INFO(form.name << ", first byte " << form.opcode[0]);
    CHECK((done >= count / 10 && done > 0));
    total += done;
  }
  std::printf("%d comparisons\n", total);
}

}  // namespace

TEST_CASE("64-bit kernel code, stepped by KVM, does what step_in_software does", "[software_step]") {
  Bench bench(test::host(), kvm::Vm::Chips::kNone);
  compare_all(bench, bench.kernel(), Comparison::Way::kStep);
}

TEST_CASE("64-bit user code on the CPU does what step_in_software does", "[software_step]") {
  Bench bench(test::host(), kvm::Vm::Chips::kNone);
  CpuState start = bench.user();
  start.rflags |= kIopl3;
  compare_all(bench, start, Comparison::Way::kRunInto);
}

TEST_CASE("32-bit code with segments that have a base does what step_in_software does", "[software_step]") {
  Bench bench(test::host(), kvm::Vm::Chips::kNone);
  constexpr std::uint64_t kTables = 0x3000;
  CpuState start = protected32_entry(bench.kernel(), static_cast<std::uint32_t>(Bench::kCode), kTables);
  start.segments[kDs].base = 0x40;
  start.segments[kSs].base = 0x80;
  compare_all(bench, start, Comparison::Way::kStep);
}
