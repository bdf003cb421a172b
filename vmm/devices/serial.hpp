/// A 16550A UART without a clock: transmission is instant, so the baud rate divisor is plain storage, and the
/// receiver's "4 character times without a read" time-out is over at once. Source: National Semiconductor PC16550D data
/// sheet, section 8. Bytes of the host stay in a queue of ours until the guest has room for them, so no input is lost,
/// however long; only a loopback test can overrun the receiver.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include "vmm/devices/byte_device.hpp"

namespace vmm {

class Serial final : public ByteDevice {
 public:
  static constexpr std::uint16_t kCom1Port = 0x3f8;
  static constexpr std::uint16_t kPorts = 8;
  static constexpr unsigned kCom1Irq = 4;
  /// The most that one receive() may bring.
  static constexpr std::size_t kMaxReceive = 1024;

  /// `on_room` is called (under the Bus lock) when accepting() becomes true again. `host` outlives this.
  Serial(std::string name, HostPort& host, IrqLine irq, std::function<void()> on_room = {});

  std::string_view name() const override { return name_; }
  void save(StateWriter& out) const override;
  void load(StateReader& in) override;

  /// Whether receive() has room for kMaxReceive bytes. Under the Bus lock, as the next two.
  bool accepting() const;
  /// Bytes from the host; call it only while accepting() (what is beyond the bound is dropped).
  void receive(std::span<const std::byte> bytes);
  /// HostPort::ready() has become true: what the guest sent last has now left the transmitter.
  void host_ready();

 protected:
  std::uint8_t read_byte(std::uint64_t offset) override;
  void write_byte(std::uint64_t offset, std::uint8_t value) override;

 private:
  /// Bytes only: saved as it is.
  struct Registers {
    std::uint8_t ier = 0, fcr = 0, lcr = 0, mcr = 0, scr = 0, dll = 1, dlm = 0;
    std::uint8_t errors = 0;            ///< LSR bits 1-4
    std::uint8_t modem_deltas = 0;      ///< MSR bits 0-3
    std::uint8_t thre_pending = 0;      ///< the "transmitter empty" interrupt has not been taken yet
    std::uint8_t transmitting = 0;      ///< a byte was sent while the host was behind
    std::uint8_t receiver_watched = 0;  ///< the guest has seen that data is there
  };

  bool loopback() const;
  bool divisor_latch() const;
  std::size_t receiver_depth() const;
  std::size_t trigger_level() const;
  bool transmitter_empty() const;
  std::uint8_t modem_lines() const;

  std::uint8_t take_received();
  std::uint8_t take_interrupt_id();
  std::uint8_t take_line_status();
  std::uint8_t take_modem_status();
  void transmit(std::uint8_t value);
  void set_interrupt_enable(std::uint8_t value);
  void set_fifo_control(std::uint8_t value);
  void set_modem_control(std::uint8_t value);

  void clear_receiver();
  void put_back_unseen();
  void refill_receiver();
  void settle_transmitter();
  std::uint8_t interrupt_id() const;
  bool irq_level() const;
  void update_irq();

  std::string name_;
  HostPort& host_;
  IrqLine irq_;
  std::function<void()> on_room_;
  Registers regs_;
  std::deque<std::uint8_t> fifo_;     // at most receiver_depth()
  std::deque<std::uint8_t> waiting_;  // from the host, not yet "on the wire"
  bool irq_level_ = false;
};

}  // namespace vmm
