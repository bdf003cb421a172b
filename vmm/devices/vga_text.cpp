#include "vmm/devices/vga_text.hpp"

#include <algorithm>

namespace vmm {
namespace {

/// Offsets from 0x3c0.
enum Port : std::uint8_t {
  kAttribute = 0x00,
  kAttributeData = 0x01,
  kMiscellaneousOut = 0x02,  // read: input status 0
  kSequencerIndex = 0x04,
  kSequencerData = 0x05,
  kPaletteMask = 0x06,
  kPaletteReadIndex = 0x07,  // read: the DAC's state
  kPaletteWriteIndex = 0x08,
  kPaletteData = 0x09,
  kFeatureIn = 0x0a,
  kMiscellaneousIn = 0x0c,
  kGraphicsIndex = 0x0e,
  kGraphicsData = 0x0f,
  kCrtIndex = 0x14,
  kCrtData = 0x15,
  kStatus = 0x1a,  // written: feature control
};
enum Crt : std::uint8_t {
  kCursorStart = 0x0a,
  kStartHigh = 0x0c,
  kStartLow = 0x0d,
  kCursorHigh = 0x0e,
  kCursorLow = 0x0f,
  kRetraceEnd = 0x11,
};
constexpr std::uint8_t kCursorOff = 0x20;
constexpr std::uint8_t kCrtProtected = 0x80;  // of kRetraceEnd: registers 0 to 7 are not written
constexpr std::uint8_t kCrtOverflow = 0x07;
constexpr std::uint8_t kLineCompare8 = 0x10;  // of kCrtOverflow: the one bit that is not protected
constexpr std::uint8_t kAttributeMode = 0x10;
constexpr std::uint8_t kBlink = 0x08;     // of kAttributeMode
constexpr std::uint8_t kGraphics = 0x01;  // of kAttributeMode, and of the graphics controller's register 6
constexpr std::uint8_t kGraphicsMiscellaneous = 0x06;
constexpr std::uint8_t kInRetrace = 0x09;  // vertical retrace, display disabled

/// As a BIOS leaves mode 3: 80 columns and 25 rows in colour.
constexpr std::uint8_t kCrtMode3[] = {0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00,
                                      0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff};
constexpr std::uint8_t kSequencerMode3[] = {0x03, 0x00, 0x03, 0x00, 0x02};
constexpr std::uint8_t kGraphicsMode3[] = {0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x0f, 0xff};
constexpr std::uint8_t kAttributeMode3[] = {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a,
                                            0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x0c, 0x00, 0x0f, 0x08, 0x00};

std::uint16_t word(const std::array<std::uint8_t, 256>& registers, Crt high, Crt low) {
  return static_cast<std::uint16_t>(registers[high] << 8 | registers[low]);
}

}  // namespace

VgaText::VgaText() {
  std::ranges::copy(kCrtMode3, regs_.crt.begin());
  std::ranges::copy(kSequencerMode3, regs_.sequencer.begin());
  std::ranges::copy(kGraphicsMode3, regs_.graphics.begin());
  std::ranges::copy(kAttributeMode3, regs_.attribute.begin());
  // The EGA's 64 colours: bits 2 to 0 are two thirds of red, green and blue, bits 5 to 3 the last third.
  for (unsigned i = 0; i < 64 * 3; ++i) {
    const unsigned colour = i / 3;
    const unsigned bit = 2 - i % 3;
    regs_.palette[i] = static_cast<std::uint8_t>((colour >> bit & 1) * 0x2a + (colour >> (bit + 3) & 1) * 0x15);
  }
}

VgaText::View VgaText::view() const {
  const bool graphics = ((regs_.attribute[kAttributeMode] | regs_.graphics[kGraphicsMiscellaneous]) & kGraphics) != 0;
  return {.start = word(regs_.crt, kStartHigh, kStartLow),
          .cursor = word(regs_.crt, kCursorHigh, kCursorLow),
          .cursor_on = !(regs_.crt[kCursorStart] & kCursorOff),
          .blinks = (regs_.attribute[kAttributeMode] & kBlink) != 0,
          .graphics = graphics};
}

std::uint8_t VgaText::read_byte(std::uint64_t offset) {
  switch (offset) {
    case kAttribute: return regs_.attribute_index;
    case kAttributeData: return regs_.attribute[regs_.attribute_index % regs_.attribute.size()];
    case kMiscellaneousOut: return 0;
    case kSequencerIndex: return regs_.sequencer_index;
    case kSequencerData: return regs_.sequencer[regs_.sequencer_index];
    case kPaletteMask: return regs_.palette_mask;
    case kPaletteReadIndex: return regs_.palette_reading ? 3 : 0;
    case kPaletteWriteIndex: return regs_.palette_write;
    case kPaletteData: return read_palette();
    case kFeatureIn: return regs_.feature;
    case kMiscellaneousIn: return regs_.miscellaneous;
    case kGraphicsIndex: return regs_.graphics_index;
    case kGraphicsData: return regs_.graphics[regs_.graphics_index];
    case kCrtIndex: return regs_.crt_index;
    case kCrtData: return regs_.crt[regs_.crt_index];
    case kStatus:
      regs_.attribute_wants_data = 0;
      regs_.retrace ^= kInRetrace;  // so every wait for either ends
      return regs_.retrace;
    default: return 0xff;
  }
}

void VgaText::write_byte(std::uint64_t offset, std::uint8_t value) {
  switch (offset) {
    case kAttribute: write_attribute(value); break;
    case kMiscellaneousOut: regs_.miscellaneous = value; break;
    case kSequencerIndex: regs_.sequencer_index = value; break;
    case kSequencerData: regs_.sequencer[regs_.sequencer_index] = value; break;
    case kPaletteMask: regs_.palette_mask = value; break;
    case kPaletteReadIndex:
      regs_.palette_read = value;
      regs_.palette_part = 0;
      regs_.palette_reading = 1;
      break;
    case kPaletteWriteIndex:
      regs_.palette_write = value;
      regs_.palette_part = 0;
      regs_.palette_reading = 0;
      break;
    case kPaletteData: write_palette(value); break;
    case kGraphicsIndex: regs_.graphics_index = value; break;
    case kGraphicsData: regs_.graphics[regs_.graphics_index] = value; break;
    case kCrtIndex: regs_.crt_index = value; break;
    case kCrtData:
      if (regs_.crt_index <= kCrtOverflow && regs_.crt[kRetraceEnd] & kCrtProtected) {
        if (regs_.crt_index != kCrtOverflow) break;
        value = static_cast<std::uint8_t>((regs_.crt[kCrtOverflow] & ~kLineCompare8) | (value & kLineCompare8));
      }
      regs_.crt[regs_.crt_index] = value;
      break;
    case kStatus: regs_.feature = value; break;
    default: break;
  }
}

/// Index and data by turns; a read of the status begins with the index again.
void VgaText::write_attribute(std::uint8_t value) {
  if (regs_.attribute_wants_data) {
    regs_.attribute[regs_.attribute_index % regs_.attribute.size()] = value;
  } else {
    regs_.attribute_index = value & 0x3f;
  }
  regs_.attribute_wants_data ^= 1;
}

std::uint8_t VgaText::read_palette() {
  const std::uint8_t value = regs_.palette[regs_.palette_read * 3u + regs_.palette_part];
  if (++regs_.palette_part < 3) return value;
  regs_.palette_part = 0;
  ++regs_.palette_read;
  return value;
}

void VgaText::write_palette(std::uint8_t value) {
  regs_.palette[regs_.palette_write * 3u + regs_.palette_part] = value & 0x3f;
  if (++regs_.palette_part < 3) return;
  regs_.palette_part = 0;
  ++regs_.palette_write;
}

void VgaText::save(StateWriter& out) const {
  out.tag("vga");
  out.put(regs_);
}

void VgaText::load(StateReader& in) {
  in.tag("vga");
  regs_ = in.get<Registers>();
  regs_.palette_part %= 3;
  regs_.attribute_wants_data &= 1;
}

}  // namespace vmm
