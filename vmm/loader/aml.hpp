/// As much of ACPI's byte code as a DSDT of plain devices needs (ACPI 6.5, chapter 20): scopes, devices, names, and
/// resource templates (6.4). Values in, bytes out.
#pragma once

#include <cstdint>
#include <string_view>

#include "vmm/base/table_bytes.hpp"

namespace vmm::aml {

using table::Bytes;

/// A resource template (6.4): what a device occupies.
class Resources {
 public:
  Resources& io(std::uint16_t base, std::uint8_t size);
  /// An ISA interrupt line: rising edge, not shared.
  Resources& isa_irq(unsigned line);
  Resources& memory(std::uint32_t base, std::uint32_t size);
  /// A global system interrupt: level, active high, not shared.
  Resources& level_interrupt(std::uint32_t gsi);
  /// The template with its end tag.
  Bytes take() &&;

 private:
  Bytes bytes_;
};

Bytes integer(std::uint32_t value);
/// An EISA id such as "PNP0501", compressed (19.3.4).
Bytes eisa_id(std::string_view id);
Bytes string(std::string_view text);
Bytes buffer(const Bytes& contents);
/// A package of bytes.
Bytes package(std::span<const std::uint8_t> values);

/// Name (NAME, value); `name` has four characters.
Bytes name(std::string_view name, const Bytes& value);
/// Device (NAME) { body }.
Bytes device(std::string_view name, const Bytes& body);
/// Scope (\_SB) { body }.
Bytes system_bus(const Bytes& body);

}  // namespace vmm::aml
