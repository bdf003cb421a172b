/// ACPI's tables as firmware takes them: the files of fw_cfg, with orders where to put them, which addresses to add and
/// which sums to complete. Source: QEMU, hw/acpi/bios-linker-loader.c; SeaBIOS, src/fw/romfile_loader.h.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "vmm/loader/acpi.hpp"

namespace vmm {

/// Names and contents; the orders are in "etc/table-loader".
std::vector<std::pair<std::string, std::vector<std::byte>>> table_loader_files(const AcpiTables& acpi);

}  // namespace vmm
