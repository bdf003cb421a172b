// Without /dev/kvm every test here is skipped, with the reason, and never passes by accident.
#include <cstdio>
#include <exception>

#include "tests/support/run_tests.hpp"
#include "vmm/kvm/system.hpp"

int main(int argc, char** argv) {
  try {
    const vmm::kvm::System system;
  } catch (const std::exception& error) {
    std::printf("SKIPPED: %s\n", error.what());
    return 77;
  }
  return run_tests(argc, argv);
}
