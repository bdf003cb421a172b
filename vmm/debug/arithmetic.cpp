#include "vmm/debug/arithmetic.hpp"

#include <array>
#include <bit>

namespace vmm {

namespace {

bool bit(std::uint64_t value, unsigned number) { return (value >> number & 1) != 0; }

std::uint64_t flag(bool set, std::uint64_t which) { return set ? which : 0; }

/// The flags that depend on the result alone.
std::uint64_t flags_of(std::uint64_t result, unsigned bits) {
  const bool even = std::popcount(result & 0xff) % 2 == 0;
  return flag(even, kRflagsPf) | flag(result == 0, kRflagsZf) | flag(bit(result, bits - 1), kRflagsSf);
}

}  // namespace

std::uint64_t truncated(std::uint64_t value, unsigned bits) {
  return bits >= 64 ? value : value & ((std::uint64_t{1} << bits) - 1);
}

std::uint64_t sign_extended(std::uint64_t value, unsigned bits) {
  const unsigned unused = 64 - bits;
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(value << unused) >> unused);
}

Computed sum(std::uint64_t a, std::uint64_t b, bool carry, unsigned bits) {
  const std::uint64_t result = truncated(a + b + (carry ? 1 : 0), bits);
  // Where a carry left each bit.
  const std::uint64_t carries = (a & b) | ((a | b) & ~result);
  const bool overflow = bit((a ^ result) & (b ^ result), bits - 1);
  return {result, flags_of(result, bits) | flag(bit(carries, bits - 1), kRflagsCf) | flag(bit(carries, 3), kRflagsAf) |
                      flag(overflow, kRflagsOf)};
}

Computed difference(std::uint64_t a, std::uint64_t b, bool borrow, unsigned bits) {
  const std::uint64_t result = truncated(a - b - (borrow ? 1 : 0), bits);
  const std::uint64_t borrows = (~a & b) | ((~a | b) & result);
  const bool overflow = bit((a ^ b) & (a ^ result), bits - 1);
  return {result, flags_of(result, bits) | flag(bit(borrows, bits - 1), kRflagsCf) | flag(bit(borrows, 3), kRflagsAf) |
                      flag(overflow, kRflagsOf)};
}

Computed logical(std::uint64_t value, unsigned bits) {
  const std::uint64_t result = truncated(value, bits);
  return {result, flags_of(result, bits)};
}

Computed shifted_left(std::uint64_t value, unsigned count, unsigned bits) {
  const std::uint64_t result = count < bits ? truncated(value << count, bits) : 0;
  const bool carry = count <= bits && bit(value, bits - count);
  const bool overflow = count == 1 && bit(result, bits - 1) != carry;
  return {result, flags_of(result, bits) | flag(carry, kRflagsCf) | flag(overflow, kRflagsOf)};
}

Computed shifted_right(std::uint64_t value, unsigned count, unsigned bits) {
  const std::uint64_t before = truncated(value, bits);
  const std::uint64_t result = before >> count;
  const bool overflow = count == 1 && bit(before, bits - 1);
  return {result, flags_of(result, bits) | flag(bit(before, count - 1), kRflagsCf) | flag(overflow, kRflagsOf)};
}

Computed shifted_right_signed(std::uint64_t value, unsigned count, unsigned bits) {
  const auto before = static_cast<std::int64_t>(sign_extended(value, bits));
  const std::uint64_t result = truncated(static_cast<std::uint64_t>(before >> count), bits);
  const bool carry = bit(static_cast<std::uint64_t>(before), count - 1);
  return {result, flags_of(result, bits) | flag(carry, kRflagsCf)};
}

bool condition_holds(unsigned number, std::uint64_t rflags) {
  const auto set = [&](std::uint64_t which) { return (rflags & which) != 0; };
  const bool less = set(kRflagsSf) != set(kRflagsOf);
  const std::array<bool, 8> kinds = {
      set(kRflagsOf), set(kRflagsCf), set(kRflagsZf), set(kRflagsCf | kRflagsZf),
      set(kRflagsSf), set(kRflagsPf), less,           less || set(kRflagsZf),
  };
  const bool negated = number % 2 != 0;
  return kinds.at(number / 2) != negated;
}

}  // namespace vmm
