#include <fmt/format.h>
#include <sys/utsname.h>

#include <nlohmann/json.hpp>

#include "vmm/commands.hpp"
#include "vmm/kvm/capabilities.hpp"
#include "vmm/kvm/probes.hpp"
#include "vmm/kvm/system.hpp"

namespace vmm {

int host_command(bool json) {
  const kvm::System system;
  const kvm::HostAbilities abilities = kvm::probe(system);
  struct utsname name{};
  ::uname(&name);
  if (json) {
    nlohmann::ordered_json out;
    out["kernel"] = name.release;
    for (const kvm::Capability& row : kvm::capabilities(system)) out["capabilities"][std::string(row.name)] = row.value;
    for (const kvm::AbilityRow& row : kvm::describe(abilities)) {
      out["probes"][std::string(row.key)] = {{"value", row.value}, {"good", row.good}, {"meaning", row.meaning}};
    }
    fmt::print("{}\n", out.dump(2));
    return 0;
  }
  fmt::print("kernel {}\n\ncapabilities KVM reports:\n", name.release);
  for (const kvm::Capability& row : kvm::capabilities(system)) {
    fmt::print("  {:26} {:<6} {}\n", row.name, row.value, row.meaning);
  }
  fmt::print("\nwhat micro-guests found (! marks what differs from VT-x):\n");
  for (const kvm::AbilityRow& row : kvm::describe(abilities)) {
    fmt::print("{} {:28} {:18} {}\n", row.good ? ' ' : '!', row.key, row.value, row.meaning);
  }
  return 0;
}

}  // namespace vmm
