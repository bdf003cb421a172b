#include <catch2/catch.hpp>

#include "tests/kvm/guest.hpp"

using namespace vmm;
using namespace vmm::test;

namespace {

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
