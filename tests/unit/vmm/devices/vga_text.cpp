#include "vmm/devices/vga_text.hpp"

#include "device_test.hpp"

using namespace vmm;

namespace {

struct Vga {
  VgaText device;
  void out(unsigned port, unsigned value, unsigned size = 1) { device.write(port - 0x3c0, size, value); }
  int in(unsigned port) { return static_cast<int>(device.read(port - 0x3c0, 1)); }
  int indexed(unsigned port, unsigned index) {
    out(port, index);
    return in(port + 1);
  }
};

}  // namespace

TEST_CASE("vga: the cursor reads back as written, and the view has it", "[vga]") {
  Vga vga;
  CHECK(vga.device.view().cursor == 0);
  CHECK(vga.device.view().cursor_on);
  vga.out(0x3d4, 0x0e);
  vga.out(0x3d5, 0x07);
  vga.out(0x3d4, 0xcf0f, 2);  // index and data in one word
  CHECK(vga.indexed(0x3d4, 0x0e) == 0x07);
  CHECK(vga.indexed(0x3d4, 0x0f) == 0xcf);
  CHECK(vga.in(0x3d4) == 0x0f);
  CHECK(vga.device.view().cursor == 0x7cf);
  vga.out(0x3d4, 0x500c, 2);
  vga.out(0x3d4, 0x280d, 2);
  CHECK(vga.device.view().start == 0x5028);
  vga.out(0x3d4, 0x200a, 2);
  CHECK_FALSE(vga.device.view().cursor_on);
}

TEST_CASE("vga: retrace begins and ends, and resets the attribute port", "[vga]") {
  Vga vga;
  CHECK((vga.in(0x3da) ^ vga.in(0x3da)) == 0x09);
  CHECK(vga.device.view().blinks);
  vga.out(0x3c0, 0x30);  // mode control,
  vga.in(0x3da);
  vga.out(0x3c0, 0x30);  // again
  vga.out(0x3c0, 0x04);
  CHECK_FALSE(vga.device.view().blinks);
  CHECK(vga.in(0x3c1) == 0x04);
  CHECK(vga.in(0x3c0) == 0x30);
}

TEST_CASE("vga: registers 0 to 7 are protected until a guest says otherwise", "[vga]") {
  Vga vga;
  vga.out(0x3d4, 0x1101, 2);
  CHECK(vga.indexed(0x3d4, 1) == 0x4f);
  vga.out(0x3d4, 0x0e11, 2);
  vga.out(0x3d4, 0x2701, 2);
  CHECK(vga.indexed(0x3d4, 1) == 0x27);
}

TEST_CASE("vga: sequencer, graphics, palette and the rest store what they are given", "[vga]") {
  Vga vga;
  CHECK(vga.in(0x3cc) == 0x67);
  vga.out(0x3c2, 0xe3);
  CHECK(vga.in(0x3cc) == 0xe3);
  vga.out(0x3c4, 0x0f02, 2);
  CHECK(vga.indexed(0x3c4, 2) == 0x0f);
  vga.out(0x3ce, 0x0506, 2);  // a graphics mode
  CHECK(vga.indexed(0x3ce, 6) == 0x05);
  CHECK(vga.device.view().graphics);
  vga.out(0x3c7, 0x14);  // brown, of the default palette
  CHECK(std::vector{vga.in(0x3c9), vga.in(0x3c9), vga.in(0x3c9)} == std::vector{0x2a, 0x15, 0x00});
  vga.out(0x3c8, 0xff);
  for (const unsigned value : {1u, 2u, 0xffu, 4u}) vga.out(0x3c9, value);
  vga.out(0x3c7, 0xff);
  CHECK(std::vector{vga.in(0x3c9), vga.in(0x3c9), vga.in(0x3c9), vga.in(0x3c9)} == std::vector{1, 2, 0x3f, 4});
  CHECK(vga.in(0x3d8) == 0xff);
  Vga other;
  check_state_moves(vga.device, other.device);
}
