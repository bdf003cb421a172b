// What leaves the guest for the debugger's sake: protected pages, served as memory would; ports, device memory and
// MSRs.
#include "vmm/machine/access_watch.hpp"

#include <catch2/catch.hpp>

#include "tests/kvm/guest.hpp"

using namespace vmm;
using namespace vmm::test;
using enum kvm::ProtectedPage::Traps;
using Space = WatchedAccess::Space;

namespace {

constexpr std::uint64_t kPage = 0x3000;
constexpr std::uint64_t kEndPort = 0x80;
constexpr unsigned kId = 5;

// 1000: mov ax, 0x1234 · 1003: mov [3000], ax · 1006: the same · 1009: mov [3010], ax · 100c: mov bx, [3000] ·
// 1010: out 0xf4, al
const Code kStores{0xb8, 0x34, 0x12, 0xa3, 0x00, 0x30, 0xa3, 0x00, 0x30, 0xa3,
                   0x10, 0x30, 0x8b, 0x1e, 0x00, 0x30, 0xe6, 0xf4, 0xf4};

AccessWatch::Range on_memory(std::uint64_t first, std::uint64_t size, bool reads, bool writes) {
  return {.id = kId, .space = Space::kMemory, .first = first, .size = size, .reads = reads, .writes = writes};
}
AccessWatch::Range all_of(Space space, std::uint64_t first) {
  return {.id = kId, .space = space, .first = first, .size = 1, .reads = true, .writes = true};
}

const WatchedAccess& access_of(const StopReport& report) {
  REQUIRE(std::holds_alternative<WatchedAccess>(report.cause));
  const auto& access = std::get<WatchedAccess>(report.cause);
  REQUIRE(access.id == kId);
  return access;
}
bool ended(const StopReport& report) { return std::holds_alternative<MachineRequest>(report.cause); }

/// Runs all vCPUs, the others by the first one's state, too.
void start_all(Guest& guest, std::uint64_t rip_of_others = kCode) {
  for (unsigned i = 1; i < guest.machine.vcpu_count(); ++i) {
    guest.machine.vcpu(i).call([&](kvm::Vcpu& vcpu) {
      CpuState state = guest.machine.initial_state(0);
      state.rip = rip_of_others;
      state.apic_base = vcpu.state().apic_base;
      vcpu.set_state(state);
      vcpu.set_running();
    });
  }
  for (unsigned i = 0; i < guest.machine.vcpu_count(); ++i) guest.machine.vcpu(i).run({});
}

}  // namespace

TEST_CASE("a store that changes watched bytes is done and seen; what changes none, or others, is only done",
          "[access_watch]") {
  Guest guest(kStores);
  guest.machine.watch().set({on_memory(kPage, 2, false, true)}, {});
  guest.machine.watch().protect({{kPage, kWrites}});
  const StopReport report = guest.run();
  const WatchedAccess& access = access_of(report);
  REQUIRE(access.write);
  REQUIRE(access.address == kPage);
  REQUIRE(access.size == 2);
  REQUIRE(access.value == 0x1234);
  REQUIRE(report.state.rip == 0x1006);
  REQUIRE(guest.machine.memory().load<std::uint16_t>(kPage) == 0x1234);
  const StopReport end = guest.run();
  REQUIRE(ended(end));
  REQUIRE(guest.machine.memory().load<std::uint16_t>(kPage + 0x10) == 0x1234);
  REQUIRE((end.state.gpr[kRbx] & 0xffff) == 0x1234);
}

TEST_CASE("a watched load is served from memory and seen behind its instruction; stores are not", "[access_watch]") {
  Guest guest(kStores);
  guest.machine.watch().set({on_memory(kPage + 1, 1, true, false)}, {});
  guest.machine.watch().protect({{kPage, kAll}});
  const StopReport report = guest.run();
  REQUIRE_FALSE(access_of(report).write);
  REQUIRE(access_of(report).value == 0x1234);
  REQUIRE(report.state.rip == 0x1010);
  REQUIRE((report.state.gpr[kRbx] & 0xffff) == 0x1234);
  REQUIRE(ended(guest.run()));
}

TEST_CASE("who watches both hears of every store, changed or not, and of the load", "[access_watch]") {
  Guest guest(kStores);
  guest.machine.watch().set({on_memory(kPage, 2, true, true)}, {});
  guest.machine.watch().protect({{kPage, kAll}});
  for (const std::uint64_t rip : {0x1006, 0x1009, 0x1010}) {
    const StopReport report = guest.run();
    REQUIRE(access_of(report).write == (rip != 0x1010));
    REQUIRE(report.state.rip == rip);
  }
  REQUIRE(ended(guest.run()));
}

TEST_CASE("on a page that nobody watches accesses are as if it were not protected", "[access_watch]") {
  for (const auto traps : {kWrites, kAll}) {
    Guest guest(kStores);
    guest.machine.watch().protect({{kPage, traps}});
    const StopReport end = guest.run();
    REQUIRE(ended(end));
    REQUIRE((end.state.gpr[kRbx] & 0xffff) == 0x1234);
  }
}

TEST_CASE("a repeated store is seen where it changes what is watched, element by element", "[access_watch]") {
  Guest guest({0xbf, 0x00, 0x30, 0xb9, 0x10, 0x00, 0xb0, 0x7f, 0xf3, 0xaa, 0xe6, 0xf4, 0xf4});
  guest.machine.watch().set({on_memory(kPage + 4, 2, false, true)}, {});
  guest.machine.watch().protect({{kPage, kWrites}});
  for (const std::uint64_t address : {kPage + 4, kPage + 5}) {
    const StopReport report = guest.run();
    REQUIRE(access_of(report).address <= address);
    REQUIRE(access_of(report).address + access_of(report).size > address);
    REQUIRE(guest.machine.memory().load<std::uint8_t>(address) == 0x7f);
  }
  REQUIRE(ended(guest.run()));
  for (std::uint64_t i = 0; i < 16; ++i) REQUIRE(guest.machine.memory().load<std::uint8_t>(kPage + i) == 0x7f);
  REQUIRE(guest.machine.memory().load<std::uint8_t>(kPage + 16) == 0);
}

TEST_CASE("the guest neither sees nor overwrites what is planted on a protected page", "[access_watch]") {
  Guest guest(kStores);
  guest.machine.planted().plant(kPage, std::byte{0xcc});
  guest.machine.watch().protect({{kPage, kAll}});
  const StopReport end = guest.run();
  REQUIRE(ended(end));
  REQUIRE((end.state.gpr[kRbx] & 0xffff) == 0x1234);
  REQUIRE(guest.machine.memory().load<std::uint16_t>(kPage) == 0x12cc);
  guest.machine.planted().lift();
  REQUIRE(guest.machine.memory().load<std::uint16_t>(kPage) == 0x1234);
}

TEST_CASE("a push onto a protected page is done, and says that a stack is there", "[access_watch]") {
  // xor ax, ax · mov ss, ax · mov sp, 0x3010 · mov ax, 0x1234 · push ax · 100b: out 0xf4, al
  Guest guest({0x31, 0xc0, 0x8e, 0xd0, 0xbc, 0x10, 0x30, 0xb8, 0x34, 0x12, 0x50, 0xe6, 0xf4, 0xf4});
  guest.machine.watch().protect({{kPage, kWrites}});
  const StopReport report = guest.run();
  REQUIRE(std::holds_alternative<StackOnPage>(report.cause));
  REQUIRE(std::get<StackOnPage>(report.cause).page == kPage);
  REQUIRE(report.state.rip == 0x100b);
  REQUIRE(guest.machine.memory().load<std::uint16_t>(kPage + 0xe) == 0x1234);
  guest.machine.watch().protect({});
  REQUIRE(ended(guest.run()));
}

TEST_CASE("a store at the stack pointer's offset in another page is no push", "[access_watch]") {
  // xor ax, ax · mov ss, ax · mov sp, 0x5010 · mov [0x3010], ax · out 0xf4, al
  Guest guest({0x31, 0xc0, 0x8e, 0xd0, 0xbc, 0x10, 0x50, 0xa3, 0x10, 0x30, 0xe6, 0xf4, 0xf4});
  guest.machine.watch().protect({{kPage, kWrites}});
  REQUIRE(ended(guest.run()));
}

TEST_CASE("a push is one wherever its segment begins", "[access_watch]") {
  // mov ax, 2 · mov ss, ax · mov sp, 0x3000 · push ax · 1009: out 0xf4, al
  Guest guest({0xb8, 0x02, 0x00, 0x8e, 0xd0, 0xbc, 0x00, 0x30, 0x50, 0xe6, 0xf4, 0xf4});
  guest.machine.watch().protect({{kPage, kWrites}});
  const StopReport report = guest.run();
  REQUIRE(std::holds_alternative<StackOnPage>(report.cause));
  REQUIRE(report.state.rip == 0x1009);
}

TEST_CASE("LOCK XADD by two vCPUs on a protected page loses no update", "[access_watch]") {
  const auto count = static_cast<unsigned>(rounds(2000));
  // mov cx, COUNT · 1003: mov ax, 1 · lock xadd [3000], ax · loop 1003 · out 0x80, al
  Guest guest({0xb9, count & 0xff, count >> 8, 0xb8, 0x01, 0x00, 0xf0, 0x0f, 0xc1, 0x06, 0x00, 0x30, 0xe2, 0xf5, 0xe6,
               kEndPort, 0xf4},
              2);
  guest.machine.watch().set({all_of(Space::kPort, kEndPort)}, {});
  guest.machine.watch().protect({{kPage, kAll}});
  start_all(guest);
  for (unsigned i = 0; i < 2; ++i) REQUIRE(access_of(guest.reports.next()).space == Space::kPort);
  REQUIRE(guest.machine.memory().load<std::uint16_t>(kPage) == 2 * count);
}

TEST_CASE("a vCPU that never leaves the guest keeps no other out of it", "[access_watch]") {
  // 1000: jmp 1000 · 1002: inc word [3000] · out 0x80, al
  Guest guest({0xeb, 0xfe, 0xff, 0x06, 0x00, 0x30, 0xe6, kEndPort, 0xf4}, 2);
  guest.machine.watch().set({all_of(Space::kPort, kEndPort)}, {});
  guest.machine.watch().protect({{kPage, kWrites}});
  start_all(guest, 0x1002);
  REQUIRE(guest.reports.next().vcpu == 1);
  REQUIRE(guest.machine.memory().load<std::uint16_t>(kPage) == 1);
  guest.machine.vcpu(0).request_stop();
  REQUIRE(std::holds_alternative<Interrupted>(guest.reports.next().cause));
}

TEST_CASE("accesses to a port are seen with what was written and read", "[access_watch]") {
  Guest guest({0xb0, 0x41, 0xe6, 0xe9, 0xe4, 0xe9, 0xe6, 0xf4, 0xf4});  // mov al, 'A' · out 0xe9 · in 0xe9 · out 0xf4
  guest.machine.watch().set({all_of(Space::kPort, 0xe9)}, {});
  const StopReport write = guest.run();
  REQUIRE(access_of(write).write);
  REQUIRE(access_of(write).value == 0x41);
  REQUIRE(write.state.rip == 0x1004);
  REQUIRE(guest.console.text() == "A");
  const StopReport read = guest.run();
  REQUIRE_FALSE(access_of(read).write);
  REQUIRE(access_of(read).value == 0xe9);
  REQUIRE((read.state.gpr[kRax] & 0xff) == 0xe9);
  REQUIRE(read.state.rip == 0x1006);
  REQUIRE(ended(guest.run()));
}

TEST_CASE("accesses to device memory are seen where they overlap what is watched", "[access_watch]") {
  // mov ax, 0xd000 · mov ds, ax · mov [0x20], ax · 1008: mov [0xf], ax · 100b: mov bx, [0x10] · 100f: out 0xf4, al
  Guest guest(
      {0xb8, 0x00, 0xd0, 0x8e, 0xd8, 0xa3, 0x20, 0x00, 0xa3, 0x0f, 0x00, 0x8b, 0x1e, 0x10, 0x00, 0xe6, 0xf4, 0xf4});
  guest.machine.watch().set({all_of(Space::kMmio, 0xd0010)}, {});
  const StopReport write = guest.run();
  REQUIRE(access_of(write).write);
  REQUIRE(access_of(write).space == Space::kMmio);
  REQUIRE(access_of(write).address == 0xd000f);
  REQUIRE(write.state.rip == 0x100b);
  const StopReport read = guest.run();
  REQUIRE(access_of(read).value == 0xffff);  // nothing is there
  REQUIRE((read.state.gpr[kRbx] & 0xffff) == 0xffff);
  REQUIRE(read.state.rip == 0x100f);
  REQUIRE(ended(guest.run()));
}

TEST_CASE("accesses to an MSR are seen, a write with what was there before", "[access_watch]") {
  constexpr std::uint64_t kSysenterEip = 0x176;
  // mov ecx, 0x176 · mov eax, 0x1234 · cdq · 100e: wrmsr · 1010: rdmsr · 1012: out 0xf4, al
  Guest guest({0x66, 0xb9, 0x76, 0x01, 0x00, 0x00, 0x66, 0xb8, 0x34, 0x12, 0x00,
               0x00, 0x66, 0x99, 0x0f, 0x30, 0x0f, 0x32, 0xe6, 0xf4, 0xf4});
  if (!guest.machine.vm().trap_msrs(std::array{kvm::MsrRange{kSysenterEip}})) return;  // this host can't
  guest.machine.watch().set({all_of(Space::kMsr, kSysenterEip)}, {});
  const StopReport write = guest.run();
  REQUIRE(access_of(write).write);
  REQUIRE(access_of(write).before == 0);
  REQUIRE(access_of(write).value == 0x1234);
  REQUIRE(write.state.rip == 0x1010);
  const StopReport read = guest.run();
  REQUIRE_FALSE(access_of(read).write);
  REQUIRE(access_of(read).value == 0x1234);
  REQUIRE((read.state.gpr[kRax] & 0xffffffff) == 0x1234);
  guest.machine.watch().set({}, {});
  REQUIRE(ended(guest.run()));
}

namespace {

constexpr auto kAlways = [](unsigned) { return true; };
constexpr auto kNever = [](unsigned) { return false; };

// 1000: mov al, 'x' · out 0xe9, al · 1004: out 0xf4, al
const Code kPrints{0xb0, 0x78, 0xe6, 0xe9, 0xe6, 0xf4, 0xf4};

/// A guest that prints a letter, upon which a device writes 8 bytes at kPage + 4.
struct GuestWithDevice : Guest {
  explicit GuestWithDevice(const AccessWatch::Range& range, AccessWatch::Changed changed) : Guest(kPrints) {
    console.on_write = [this] { machine.watch().device_wrote(kPage + 4, 8); };
    machine.watch().set({range}, std::move(changed));
  }
};

}  // namespace

TEST_CASE("what a device writes is seen by the vCPU that made it write, behind its instruction", "[access_watch]") {
  struct Row {
    std::uint64_t first, size;
    std::uint64_t address;  // of the first byte that is both watched and written
  };
  for (const Row& row : {Row{kPage, 5, kPage + 4}, Row{kPage + 11, 1, kPage + 11}, Row{kPage + 6, 2, kPage + 6},
                         Row{kPage, 0x1000, kPage + 4}}) {
    GuestWithDevice guest(on_memory(row.first, row.size, false, true), kAlways);
    const StopReport report = guest.run();
    REQUIRE(access_of(report).write);
    REQUIRE(access_of(report).address == row.address);
    REQUIRE(report.state.rip == 0x1004);
    REQUIRE(ended(guest.run()));
  }
}

TEST_CASE("of a device's writes, what changes nothing counts only for who watches all accesses", "[access_watch]") {
  GuestWithDevice unchanged(on_memory(kPage, 8, false, true), kNever);
  REQUIRE(ended(unchanged.run()));
  GuestWithDevice all(on_memory(kPage, 8, true, true), kNever);
  REQUIRE(access_of(all.run()).write);
  GuestWithDevice reads(on_memory(kPage, 8, true, false), kAlways);
  REQUIRE(ended(reads.run()));
  GuestWithDevice below(on_memory(kPage, 4, false, true), kAlways);
  REQUIRE(ended(below.run()));
  GuestWithDevice above(on_memory(kPage + 12, 4, false, true), kAlways);
  REQUIRE(ended(above.run()));
}

TEST_CASE("what a device writes by itself is seen by a vCPU that runs, or by the next that does", "[access_watch]") {
  Guest guest({0xeb, 0xfe}, 2);  // jmp $
  guest.machine.watch().set({on_memory(kPage, 8, false, true)}, kAlways);
  start_all(guest);
  guest.machine.watch().device_wrote(kPage, 4);
  const StopReport report = guest.reports.next();
  REQUIRE(access_of(report).address == kPage);
  const unsigned other = 1 - report.vcpu;
  guest.machine.vcpu(other).request_stop();
  REQUIRE(std::holds_alternative<Interrupted>(guest.reports.next().cause));

  guest.machine.watch().device_wrote(kPage + 1, 1);
  guest.machine.vcpu(other).run({});
  REQUIRE(access_of(guest.reports.next()).address == kPage + 1);

  guest.machine.watch().device_wrote(kPage, 1);
  guest.machine.watch().set({}, {});  // nobody is interested any more
  guest.machine.vcpu(other).run({});
  guest.machine.vcpu(other).request_stop();
  REQUIRE(std::holds_alternative<Interrupted>(guest.reports.next().cause));
}
