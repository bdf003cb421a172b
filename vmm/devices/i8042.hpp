/// The keyboard controller with one keyboard, in scan code sets 1 and 2, and the reset that most x86 kernels use. One
/// port only, no mouse; A20 is never masked, its bit just reads back.
/// Source: IBM PS/2 Hardware Interface Technical Reference, "Keyboard/Auxiliary Device Controller"; Linux's
/// drivers/input/serio/i8042.c for what is asked of it.
#pragma once

#include <deque>
#include <span>

#include "vmm/devices/byte_device.hpp"
#include "vmm/devices/keys.hpp"

namespace vmm {

class I8042 final : public ByteDevice {
 public:
  /// 0x60 data, 0x64 status and command; what lies between belongs to others (0x61: KVM's PIT) and never gets here.
  static constexpr std::uint16_t kPort = 0x60;
  static constexpr std::uint16_t kPorts = 5;
  static constexpr unsigned kIrq = 1;

  I8042(IrqLine irq, RequestSink request) : irq_(std::move(irq)), request_(std::move(request)) {}
  std::string_view name() const override { return "keyboard controller"; }
  enum class Typed : std::uint8_t {
    kTaken,
    kFull,  ///< the guest does not read its keyboard: what was typed before still waits
    kOff,   ///< the guest has told the keyboard to be silent
  };
  /// Keys that somebody presses and lets go: all of it will reach the guest, one byte an interrupt, or none.
  Typed type(std::span<const KeyCode> chord);
  /// A chord of a few keys would be kTaken, or kOff.
  bool takes_keys() const;
  void save(StateWriter& out) const override;
  void load(StateReader& in) override;

 protected:
  std::uint8_t read_byte(std::uint64_t offset) override;
  void write_byte(std::uint64_t offset, std::uint8_t value) override;

 private:
  /// Bytes only: saved as it is.
  struct Registers {
    std::uint8_t command_byte = 0x45;   ///< as a BIOS leaves it: translation, system flag, IRQ 1 enabled
    std::uint8_t output_port = 0x03;    ///< A20 on, reset line inactive
    std::uint8_t controller_wants = 0;  ///< the controller's command that waits for its data byte
    std::uint8_t keyboard_wants = 0;    ///< the keyboard's
    std::uint8_t last_read = 0;         ///< what port 0x60 gives when there is nothing new
    std::uint8_t last_was_command = 0;  ///< status bit 3
    std::uint8_t scan_code_set = 2;
    std::uint8_t scanning = 1;  ///< the keyboard has not been told to be silent
  };

  void command(std::uint8_t value);
  void controller_data(std::uint8_t value);
  void keyboard_data(std::uint8_t value);
  void set_output_port(std::uint8_t value);
  void reply(std::uint8_t value);
  std::uint8_t translated(std::uint8_t scan_code) const;
  std::uint8_t take_output();
  void offer_key();
  void update_irq();

  IrqLine irq_;
  RequestSink request_;
  Registers regs_;
  std::deque<std::uint8_t> output_;  // replies, or one byte of keys_
  std::deque<std::uint8_t> keys_;    // in the keyboard
};

}  // namespace vmm
