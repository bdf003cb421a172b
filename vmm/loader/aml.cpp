#include "vmm/loader/aml.hpp"

#include "vmm/base/errors.hpp"

namespace vmm::aml {
namespace {

using table::append;
using table::join;

// 20.3, "AML Byte Stream Byte Values".
constexpr std::uint8_t kNameOp = 0x08;
constexpr std::uint8_t kBytePrefix = 0x0a, kWordPrefix = 0x0b, kDWordPrefix = 0x0c, kStringPrefix = 0x0d;
constexpr std::uint8_t kScopeOp = 0x10, kBufferOp = 0x11, kPackageOp = 0x12;
constexpr std::uint8_t kExtendedPrefix = 0x5b, kDeviceOp = 0x82;
constexpr std::uint8_t kRootCharacter = 0x5c;

void put_text(Bytes& out, std::string_view text) { join(out, std::as_bytes(std::span(text))); }

void put_name(Bytes& out, std::string_view name) {
  VMM_CHECK(name.size() == 4);
  put_text(out, name);
}

/// PkgLength (20.2.4) and what it measures; it counts its own bytes. The first byte has the number of those that
/// follow, and the length's lowest bits: six when it is alone, else four.
Bytes measured(const Bytes& contents) {
  Bytes out;
  if (contents.size() + 1 < 0x40) {
    append(out, static_cast<std::uint8_t>(contents.size() + 1));
  } else {
    const std::size_t length = contents.size() + 3;
    VMM_CHECK(length < 1U << 20);
    append(out, static_cast<std::uint8_t>(2U << 6 | (length & 0xf)));
    append(out, static_cast<std::uint16_t>(length >> 4));
  }
  join(out, contents);
  return out;
}

}  // namespace

Resources& Resources::io(std::uint16_t base, std::uint8_t size) {
  append(bytes_, std::uint8_t{0x47});  // 6.4.2.5
  append(bytes_, std::uint8_t{1});     // decodes 16 bits
  append(bytes_, base);
  append(bytes_, base);
  append(bytes_, std::uint8_t{1});  // alignment
  append(bytes_, size);
  return *this;
}

Resources& Resources::isa_irq(unsigned line) {
  append(bytes_, std::uint8_t{0x22});  // 6.4.2.1
  append(bytes_, static_cast<std::uint16_t>(1U << line));
  return *this;
}

Resources& Resources::memory(std::uint32_t base, std::uint32_t size) {
  append(bytes_, std::uint8_t{0x86});  // 6.4.3.4
  append(bytes_, std::uint16_t{9});
  append(bytes_, std::uint8_t{1});  // may be written to
  append(bytes_, base);
  append(bytes_, size);
  return *this;
}

Resources& Resources::level_interrupt(std::uint32_t gsi) {
  append(bytes_, std::uint8_t{0x89});  // 6.4.3.6
  append(bytes_, std::uint16_t{6});
  append(bytes_, std::uint8_t{1});  // a consumer; level, active high, exclusive
  append(bytes_, std::uint8_t{1});
  append(bytes_, gsi);
  return *this;
}

Bytes Resources::take() && {
  append(bytes_, std::uint16_t{0x0079});  // 6.4.2.9; a checksum of 0 means that there is none
  return std::move(bytes_);
}

Bytes integer(std::uint32_t value) {
  Bytes out;
  if (value <= 1) {
    append(out, static_cast<std::uint8_t>(value));  // ZeroOp, OneOp
  } else if (value <= 0xff) {
    append(out, kBytePrefix);
    append(out, static_cast<std::uint8_t>(value));
  } else if (value <= 0xffff) {
    append(out, kWordPrefix);
    append(out, static_cast<std::uint16_t>(value));
  } else {
    append(out, kDWordPrefix);
    append(out, value);
  }
  return out;
}

Bytes eisa_id(std::string_view id) {
  VMM_CHECK(id.size() == 7);
  std::uint32_t value = 0;  // three letters of five bits, then four hexadecimal digits; highest byte first
  for (std::size_t i = 0; i < 3; ++i) value = value << 5 | (static_cast<std::uint32_t>(id[i] - '@') & 0x1f);
  for (std::size_t i = 3; i < 7; ++i) {
    value = value << 4 | static_cast<std::uint32_t>(id[i] <= '9' ? id[i] - '0' : id[i] - 'A' + 10);
  }
  Bytes out;
  append(out, kDWordPrefix);
  append(out, __builtin_bswap32(value));
  return out;
}

Bytes string(std::string_view text) {
  Bytes out;
  append(out, kStringPrefix);
  put_text(out, text);
  append(out, '\0');
  return out;
}

Bytes buffer(const Bytes& contents) {
  Bytes body = integer(static_cast<std::uint32_t>(contents.size()));
  join(body, contents);
  Bytes out;
  append(out, kBufferOp);
  join(out, measured(body));
  return out;
}

Bytes package(std::span<const std::uint8_t> values) {
  Bytes body;
  append(body, static_cast<std::uint8_t>(values.size()));
  for (const std::uint8_t value : values) join(body, integer(value));
  Bytes out;
  append(out, kPackageOp);
  join(out, measured(body));
  return out;
}

Bytes name(std::string_view name, const Bytes& value) {
  Bytes out;
  append(out, kNameOp);
  put_name(out, name);
  join(out, value);
  return out;
}

Bytes device(std::string_view name, const Bytes& body) {
  Bytes inner;
  put_name(inner, name);
  join(inner, body);
  Bytes out;
  append(out, kExtendedPrefix);
  append(out, kDeviceOp);
  join(out, measured(inner));
  return out;
}

Bytes system_bus(const Bytes& body) {
  Bytes inner;
  append(inner, kRootCharacter);
  put_name(inner, "_SB_");
  join(inner, body);
  Bytes out;
  append(out, kScopeOp);
  join(out, measured(inner));
  return out;
}

}  // namespace vmm::aml
