/* The PIT's channel 2, meant for the speaker, as a stop watch: Intel 8254 data sheet, mode 0. */
#include "common/io.h"
#include "teach32/kernel.h"

enum { kChannel2 = 0x42, kMode = 0x43, kOneShotOfChannel2 = 0xb0, kSystemControl = 0x61 };
enum { kGate = 1, kSpeaker = 2, kOutput = 0x20 };

void delay(unsigned microseconds) {
  const uint32_t counts = microseconds * 1193 / 1000;
  outb(kSystemControl, (uint8_t)((inb(kSystemControl) & ~kSpeaker) | kGate));
  outb(kMode, kOneShotOfChannel2);
  outb(kChannel2, (uint8_t)counts);
  outb(kChannel2, (uint8_t)(counts >> 8));
  while ((inb(kSystemControl) & kOutput) == 0) {
  }
}
