#include <catch2/catch.hpp>

#include "tests/kvm/guest.hpp"
#include "tests/unit/vmm/devices/fake_disk.hpp"
#include "vmm/base/errors.hpp"
#include "vmm/devices/keys.hpp"

using namespace vmm;
using namespace vmm::test;

namespace {

struct NoNetwork final : NetPort {
  void send(std::span<const std::byte>) override {}
};

const MachineRequest& request_of(const StopReport& report) {
  REQUIRE(std::holds_alternative<MachineRequest>(report.cause));
  return std::get<MachineRequest>(report.cause);
}

}  // namespace

TEST_CASE("port 0xf4 ends the machine with the guest's code, behind the instruction", "[machine]") {
  Guest guest({0xb0, 0x05, 0xe6, 0xf4, 0xf4});  // mov al, 5 · out 0xf4, al · hlt
  const StopReport report = guest.run();
  REQUIRE(request_of(report).kind == MachineRequest::Kind::kExit);
  REQUIRE(request_of(report).exit_code == 11);
  REQUIRE(report.state.rip == kCode + 4);
}

TEST_CASE("a device's request outranks the step that ends with the same instruction", "[machine]") {
  Guest guest({0xe6, 0xf4, 0xf4});
  RunOrder step;
  step.leg.debug.step = true;
  REQUIRE(request_of(guest.run(step)).kind == MachineRequest::Kind::kExit);
}

TEST_CASE("word 0x2000 to port 0x604 powers off", "[machine]") {
  Guest guest({0xba, 0x04, 0x06, 0xb8, 0x00, 0x20, 0xef, 0xf4});  // mov dx, 0x604 · mov ax, 0x2000 · out dx, ax
  REQUIRE(request_of(guest.run()).kind == MachineRequest::Kind::kPowerOff);
}

TEST_CASE("the keyboard controller and port 0xcf9 reset", "[machine]") {
  Guest keyboard({0xb0, 0xfe, 0xe6, 0x64, 0xf4});  // mov al, 0xfe · out 0x64, al
  REQUIRE(request_of(keyboard.run()).kind == MachineRequest::Kind::kReset);
  Guest chipset({0xba, 0xf9, 0x0c, 0xb0, 0x06, 0xee, 0xf4});  // mov dx, 0xcf9 · mov al, 6 · out dx, al
  REQUIRE(request_of(chipset.run()).kind == MachineRequest::Kind::kReset);
}

TEST_CASE("the serial line and port 0xe9 reach the console, string output too", "[machine]") {
  // mov dx, 0x3f8 · mov al, 'A' · out dx, al · out 0xe9, al · mov si, 0x1014 · mov cx, 3 · cld · rep outsb · out 0xf4,
  // al
  Guest guest({0xba, 0xf8, 0x03, 0xb0, 0x41, 0xee, 0xe6, 0xe9, 0xbe, 0x14, 0x10, 0xb9,
               0x03, 0x00, 0xfc, 0xf3, 0x6e, 0xe6, 0xf4, 0xf4, 'x',  'y',  'z'});
  guest.run();
  REQUIRE(guest.console.text() == "AAxyz");
}

TEST_CASE("a byte from the host interrupts the guest by IRQ 4", "[machine]") {
  // The PIC with vectors from 8, only IRQ 4 open; IER = 1, OUT2; sti; hlt. The handler at 0x1040 reads the byte, exits
  // with it.
  std::vector<unsigned> code = {
      0xfa, 0xb0, 0x11, 0xe6, 0x20, 0xb0, 0x08, 0xe6, 0x21, 0xb0, 0x04, 0xe6,
      0x21, 0xb0, 0x01, 0xe6, 0x21, 0xb0, 0xef, 0xe6, 0x21,                    // ICW1-4, mask
      0xc7, 0x06, 0x30, 0x00, 0x40, 0x10, 0xc7, 0x06, 0x32, 0x00, 0x00, 0x00,  // IVT[12] = 0:1040
      0xba, 0xf9, 0x03, 0xb0, 0x01, 0xee, 0xba, 0xfc, 0x03, 0xb0, 0x08, 0xee,  // IER, MCR
      0xe6, 0x80, 0xfb, 0xf4, 0xeb, 0xfd};                                     // sti · hlt · jmp
  code.resize(0x40, 0x90);
  for (unsigned byte : {0xba, 0xf8, 0x03, 0xec, 0xe6, 0xf4, 0xf4}) code.push_back(byte);  // in al, 0x3f8 · out 0xf4
  const Code image = Code::from(code);
  Guest guest(image);
  guest.machine.vcpu(0).run({});
  REQUIRE(guest.machine.serial_accepting());
  const auto byte = std::byte{0x21};
  guest.machine.serial_input(std::span(&byte, 1));
  REQUIRE(request_of(guest.reports.next()).exit_code == 0x43);
}

TEST_CASE("a triple fault leaves the registers as at the fault", "[machine]") {
  Guest guest(triple_fault_code());
  const StopReport report = guest.run();
  REQUIRE(std::holds_alternative<TripleFault>(report.cause));
  REQUIRE(report.state.gpr[kRax] == 0x1234);
  REQUIRE(report.state.rip == kTripleFaultAt);
}

TEST_CASE("the state of every device moves to a machine like it", "[machine]") {
  FakeDisk ide(8);
  FakeDisk block(8);
  NoNetwork network;
  Sink virtio_console;
  // in the order of the devices: a scratch register, the cursor's place, CMOS, A20 off, the drive's count, 0xcf8, PM1a
  const Code code{0xba, 0xff, 0x03, 0xb0, 0x5a, 0xee, 0xba, 0xd4, 0x03, 0xb8, 0x0f, 0x77, 0xef, 0xb0, 0x0f,
                  0xe6, 0x70, 0xb0, 0x0a, 0xe6, 0x71, 0xb0, 0xdd, 0xe6, 0x64, 0xba, 0xf2, 0x01, 0xb0, 0x33,
                  0xee, 0xba, 0xf9, 0x0c, 0xb0, 0x02, 0xee, 0xba, 0x04, 0x06, 0xb0, 0x40, 0xee, 0xe6, 0xf4};
  MachineConfig config = code.config();
  config.drives = {{DriveSpec::Interface::kIde, &ide}, {DriveSpec::Interface::kVirtio, &block}};
  config.virtio = {
      .console = &virtio_console, .console_room = {}, .net = &network, .mac = {}, .net_room = {}, .random = true};
  Sink console;
  Reports reports;
  const auto state_of = [](Machine& machine) {
    StateWriter out;
    machine.save_devices(out);
    return out.bytes();
  };
  Machine machine(host(), config, console, reports.sink(), [] {});
  const auto before = state_of(machine);
  machine.vcpu(0).run({});
  REQUIRE(request_of(reports.next()).kind == MachineRequest::Kind::kExit);
  const auto typed = std::byte{'x'};
  machine.serial_input(std::span(&typed, 1));
  machine.virtio().console_input(std::span(&typed, 1));
  machine.type(chords_typing(std::span(&typed, 1)).front());
  const auto after = state_of(machine);
  REQUIRE(after != before);

  Machine other(host(), config, console, reports.sink(), [] {});
  REQUIRE(state_of(other) == before);
  StateReader in(after);
  other.load_devices(in);
  REQUIRE(in.at_end());
  REQUIRE(state_of(other) == after);

  config.drives.pop_back();
  Machine smaller(host(), config, console, reports.sink(), [] {});
  StateReader again(after);
  REQUIRE_THROWS_AS(smaller.load_devices(again), HostError);
}

TEST_CASE("registers written are what the guest runs with, x87 and SSE survive", "[machine]") {
  Guest guest({0xe6, 0xf4, 0xf4});  // out 0xf4, al
  ExtendedState extended = guest.machine.vcpu(0).call([](kvm::Vcpu& vcpu) { return vcpu.extended_state(); });
  extended.xmm[5][3] = std::byte{0x77};
  extended.st[2][9] = std::byte{0x40};
  extended.mxcsr = 0x1f00;

  extended.kernel_gs_base = 0xffff800012345000;
  guest.machine.vcpu(0).call([&](kvm::Vcpu& vcpu) { vcpu.set_extended_state(extended); });
  REQUIRE(guest.machine.vcpu(0).call([](kvm::Vcpu& vcpu) { return vcpu.extended_state(); }) == extended);
  RunOrder order;
  order.leg.state = guest.machine.initial_state(0);
  order.leg.state->gpr[kRax] = 0x30;
  REQUIRE(request_of(guest.run(order)).exit_code == 0x61);
}
