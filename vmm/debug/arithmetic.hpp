/// What the integer instructions of x86 compute, with their flags (SDM 1 3.4.3.1 and appendix A).
///
/// Thread: any.
#pragma once

#include <cstdint>

namespace vmm {

inline constexpr std::uint64_t kRflagsCf = 1U << 0;
inline constexpr std::uint64_t kRflagsPf = 1U << 2;
inline constexpr std::uint64_t kRflagsAf = 1U << 4;
inline constexpr std::uint64_t kRflagsZf = 1U << 6;
inline constexpr std::uint64_t kRflagsSf = 1U << 7;
inline constexpr std::uint64_t kRflagsOf = 1U << 11;
/// The flags that arithmetic sets.
inline constexpr std::uint64_t kRflagsArithmetic =
    kRflagsCf | kRflagsPf | kRflagsAf | kRflagsZf | kRflagsSf | kRflagsOf;

/// The low `bits` of it.
std::uint64_t truncated(std::uint64_t value, unsigned bits);
/// The low `bits` as a signed number, in all 64.
std::uint64_t sign_extended(std::uint64_t value, unsigned bits);

struct Computed {
  std::uint64_t value;
  std::uint64_t flags;  ///< of kRflagsArithmetic; what the SDM leaves undefined is clear
  bool operator==(const Computed&) const = default;
};
// `bits` is 8, 16, 32 or 64; what is above them in an operand does not count.
Computed sum(std::uint64_t a, std::uint64_t b, bool carry, unsigned bits);
Computed difference(std::uint64_t a, std::uint64_t b, bool borrow, unsigned bits);
/// The flags of AND, OR, XOR and TEST.
Computed logical(std::uint64_t value, unsigned bits);
// `count` is from 1 to 63.
Computed shifted_left(std::uint64_t value, unsigned count, unsigned bits);
Computed shifted_right(std::uint64_t value, unsigned count, unsigned bits);
Computed shifted_right_signed(std::uint64_t value, unsigned count, unsigned bits);

/// The condition with that number in Jcc, SETcc and CMOVcc (SDM 2D B.1.4.7), 0 to 15.
bool condition_holds(unsigned number, std::uint64_t rflags);

}  // namespace vmm
