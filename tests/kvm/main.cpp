// Without /dev/kvm every test here is skipped, with the reason, and never passes by accident.
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#include <cstdio>
#include <exception>

#include "vmm/kvm/system.hpp"

int main(int argc, char** argv) {
  try {
    const vmm::kvm::System system;
  } catch (const std::exception& error) {
    std::printf("SKIPPED: %s\n", error.what());
    return 77;
  }
  return Catch::Session().run(argc, argv);
}
