/* The keyboard: scan codes of set 1, one when a key goes down, the same with bit 7 when it comes up again. */
#include "common/io.h"
#include "teach32/kernel.h"

enum { kData = 0x60, kStatus = 0x64, kHasByte = 1, kReleased = 0x80, kPrefix = 0xe0 };
enum { kLeftShift = 0x2a, kRightShift = 0x36, kCapsLock = 0x3a };

/* By scan code; an American keyboard. */
static const char plain[] = "\0\0331234567890-=\b\tqwertyuiop[]\n\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const char shifted[] = "\0\033!@#$%^&*()_+\b\tQWERTYUIOP{}\n\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";

static struct {
  bool shift_is_down;
  bool caps_lock_is_on;
  bool prefixed;
} keyboard;

static bool is_letter(char c) { return c >= 'a' && c <= 'z'; }

static char character_of(uint8_t code) {
  if (code >= sizeof plain) return '\0';
  const bool upper = keyboard.shift_is_down != (keyboard.caps_lock_is_on && is_letter(plain[code]));
  return upper ? shifted[code] : plain[code];
}

static void take(uint8_t code) {
  const bool released = (code & kReleased) != 0;
  const uint8_t key = code & (uint8_t)~kReleased;
  const bool prefixed = keyboard.prefixed;
  keyboard.prefixed = code == kPrefix;
  if (keyboard.prefixed) return;
  if (prefixed && key != 0x1c && key != 0x35)
    return; /* of the keys that PCs got later, only Enter and / of the number pad */
  if (key == kLeftShift || key == kRightShift) {
    keyboard.shift_is_down = !released;
  } else if (!released && key == kCapsLock) {
    keyboard.caps_lock_is_on = !keyboard.caps_lock_is_on;
  } else if (!released && character_of(key) != '\0') {
    console_typed(character_of(key));
  }
}

void keyboard_interrupt(void) {
  while ((inb(kStatus) & kHasByte) != 0) take(inb(kData));
}
