/// The registers gdb sees: numbers, names, sizes and the target description (target.xml).
///
/// Numbers 0 to 65 are those of QEMU's i386-64bit.xml, in its order, so that tools made for it work unchanged.
/// Behind them come the upper halves of the AVX registers, of which gdb makes ymm0 … ymm15.
/// Two shapes of description exist, chosen once per VM (never per CPU mode):
///   kX86_64  the 64-bit description, with code and data pointers typed as such.
///   kAny     the same registers plus 32-bit views (eax … eip) behind them. With it stock gdb accepts
///            `set architecture i8086` and `i386` and ELF32 symbol files, for which it wants registers of those
///            names in the core feature; pointer types would change their size with the architecture, so rip, rsp
///            and rbp are plain integers there.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace gdb::x86 {

// clang-format off
enum class Register : std::uint8_t {
  kRax, kRbx, kRcx, kRdx, kRsi, kRdi, kRbp, kRsp, kR8, kR9, kR10, kR11, kR12, kR13, kR14, kR15,
  kRip, kEflags, kCs, kSs, kDs, kEs, kFs, kGs,
  kFsBase, kGsBase, kKGsBase, kCr0, kCr2, kCr3, kCr4, kCr8, kEfer,
  kSt0, kSt1, kSt2, kSt3, kSt4, kSt5, kSt6, kSt7,
  kFctrl, kFstat, kFtag, kFiseg, kFioff, kFoseg, kFooff, kFop,
  kXmm0, kXmm1, kXmm2, kXmm3, kXmm4, kXmm5, kXmm6, kXmm7,
  kXmm8, kXmm9, kXmm10, kXmm11, kXmm12, kXmm13, kXmm14, kXmm15,
  kMxcsr,
  kYmm0h, kYmm1h, kYmm2h, kYmm3h, kYmm4h, kYmm5h, kYmm6h, kYmm7h,
  kYmm8h, kYmm9h, kYmm10h, kYmm11h, kYmm12h, kYmm13h, kYmm14h, kYmm15h,
  // kAny only: 32-bit views in i386 order; writing one clears the upper half.
  kEax, kEcx, kEdx, kEbx, kEsp, kEbp, kEsi, kEdi, kEip,
};
// clang-format on
inline constexpr std::size_t kRegisterCount = static_cast<std::size_t>(Register::kEip) + 1;

/// A register's bytes, little endian; those beyond the register's size are zero.
struct Value {
  std::array<std::byte, 16> bytes{};

  static Value of(std::uint64_t number);
  std::uint64_t number() const;  ///< the low 64 bits
  bool operator==(const Value&) const = default;
};

struct RegisterInfo {
  Register reg;
  std::string_view name;
  std::uint16_t bits;
  std::string_view type;  ///< of the target description
};

/// All rows, in register-number order.
std::span<const RegisterInfo, kRegisterCount> register_table();
const RegisterInfo& info(Register reg);
inline std::size_t size_of(Register reg) { return info(reg).bits / 8U; }

enum class Shape : std::uint8_t { kX86_64, kAny };

/// The description one VM serves.
class Layout {
 public:
  explicit Layout(Shape shape);

  Shape shape() const { return shape_; }
  /// How many registers it has; their numbers are 0 … count() - 1.
  std::size_t count() const { return count_; }
  /// The register of a number from gdb; empty when the description has none.
  std::optional<Register> from_number(std::uint64_t number) const;
  const std::string& target_xml() const { return xml_; }

 private:
  Shape shape_;
  std::size_t count_;
  std::string xml_;
};

}  // namespace gdb::x86
