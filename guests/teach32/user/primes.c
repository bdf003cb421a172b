/* A program that computes, sleeps, and exits. */
#include "teach32/user/lib.h"

enum { kLimit = 50 };

volatile unsigned primes_found;

static bool has_divisor(unsigned number, unsigned from) {
  if (from * from > number) return false;
  return number % from == 0 || has_divisor(number, from + 1);
}

static bool is_prime(unsigned number) { return number > 1 && !has_divisor(number, 2); }

int main(void) {
  for (unsigned number = 0; number < kLimit; number++) {
    if (!is_prime(number)) continue;
    primes_found = primes_found + 1;
    print("%u ", number);
  }
  print("\n");
  call_kernel(CALL_SLEEP, 1, 0, 0, 0);
  return 0;
}
