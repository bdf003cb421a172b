/// The ports of a VGA that shows colour text: what a kernel sets and reads back of its cursor and start address, and
/// plain storage behind the other indexed registers, so that probes and mode tables do no harm. The text itself is
/// plain memory at layout::kVgaText; there are no graphics modes. Source: IBM Personal System/2 Hardware Interface
/// Technical Reference, "Video Subsystem".
#pragma once

#include <array>
#include <cstdint>

#include "vmm/devices/byte_device.hpp"

namespace vmm {

class VgaText final : public ByteDevice {
 public:
  static constexpr std::uint16_t kPort = 0x3c0;
  static constexpr std::uint16_t kPorts = 0x20;

  /// What the screen shows of the text buffer; places are counted in characters.
  struct View {
    std::uint16_t start = 0;   ///< what is in the upper left corner
    std::uint16_t cursor = 0;  ///< where it is, from the buffer's beginning
    bool cursor_on = false;
    bool blinks = false;    ///< an attribute's bit 7 blinks; else it makes the background bright
    bool graphics = false;  ///< the guest has set a graphics mode: nothing of this holds
  };

  VgaText();
  std::string_view name() const override { return "VGA text"; }
  View view() const;
  void save(StateWriter& out) const override;
  void load(StateReader& in) override;

 protected:
  std::uint8_t read_byte(std::uint64_t offset) override;
  void write_byte(std::uint64_t offset, std::uint8_t value) override;

 private:
  void write_attribute(std::uint8_t value);
  std::uint8_t read_palette();
  void write_palette(std::uint8_t value);

  /// Bytes only: saved as it is.
  struct Registers {
    std::array<std::uint8_t, 256> crt{};
    std::array<std::uint8_t, 256> sequencer{};
    std::array<std::uint8_t, 256> graphics{};
    std::array<std::uint8_t, 32> attribute{};
    std::array<std::uint8_t, 768> palette{};  ///< red, green, blue of 6 bits each
    std::uint8_t crt_index = 0;
    std::uint8_t sequencer_index = 0;
    std::uint8_t graphics_index = 0;
    std::uint8_t attribute_index = 0x20;  ///< with the bit that turns the screen on
    std::uint8_t attribute_wants_data = 0;
    std::uint8_t miscellaneous = 0x67;  ///< as mode 3 has it: colour, at 0x3d4
    std::uint8_t feature = 0;
    std::uint8_t palette_mask = 0xff;
    std::uint8_t palette_read = 0;   ///< the entry,
    std::uint8_t palette_write = 0;  ///<
    std::uint8_t palette_part = 0;   ///< and its colour, of the last of both that was set
    std::uint8_t palette_reading = 0;
    std::uint8_t retrace = 0;  ///< turns with every look at the status
  };
  Registers regs_;
};

}  // namespace vmm
