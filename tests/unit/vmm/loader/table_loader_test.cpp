#include "vmm/loader/table_loader.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <map>
#include <numeric>

using namespace vmm;

namespace {

using Bytes = std::vector<std::byte>;
constexpr std::uint64_t kAddress = 0x7fe0040;

/// Does what firmware does; the tables come to lie at kAddress.
class Firmware {
 public:
  explicit Firmware(const AcpiTables& acpi) {
    for (auto& [name, bytes] : table_loader_files(acpi)) files_[name] = bytes;
    const Bytes orders = files_.at("etc/table-loader");
    REQUIRE(orders.size() % 128 == 0);
    for (std::size_t at = 0; at < orders.size(); at += 128) obey(orders.data() + at);
  }
  const Bytes& placed(const std::string& name) const {
    REQUIRE(zones_.contains(name));
    return files_.at(name);
  }
  int zone(const std::string& name) const { return zones_.at(name); }

 private:
  template <typename T>
  static T get(const std::byte* from) {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
  }
  void obey(const std::byte* order) {
    const std::string name(reinterpret_cast<const char*>(order) + 4);
    Bytes& file = files_.at(name);
    switch (get<std::uint32_t>(order)) {
      case 1: zones_[name] = get<std::uint8_t>(order + 64); return;
      case 2: {
        REQUIRE(std::string(reinterpret_cast<const char*>(order) + 60) == "etc/acpi/tables");
        const auto size = get<std::uint8_t>(order + 120);
        std::byte* pointer = file.data() + get<std::uint32_t>(order + 116);
        std::uint64_t value = 0;
        std::memcpy(&value, pointer, size);
        value += kAddress;
        std::memcpy(pointer, &value, size);
        return;
      }
      case 3: {
        const auto* start = file.data() + get<std::uint32_t>(order + 64);
        const unsigned sum = std::accumulate(start, start + get<std::uint32_t>(order + 68), 0U,
                                             [](unsigned so_far, std::byte b) { return so_far + unsigned(b); });
        auto& byte = file[get<std::uint32_t>(order + 60)];
        byte = static_cast<std::byte>(unsigned(byte) - sum);
        return;
      }
      default: FAIL("an unknown order");
    }
  }
  std::map<std::string, Bytes> files_;
  std::map<std::string, int> zones_;
};

}  // namespace

TEST_CASE("firmware that obeys the table loader has the tables that we place ourselves") {
  const AcpiTables acpi = acpi_tables(3, {});
  const Firmware firmware(acpi);
  REQUIRE(firmware.placed("etc/acpi/tables") == link(acpi.tables, kAddress));
  REQUIRE(firmware.placed("etc/acpi/rsdp") == link(acpi.rsdp, kAddress));
  REQUIRE(firmware.zone("etc/acpi/tables") == 1);
  REQUIRE(firmware.zone("etc/acpi/rsdp") == 2);
}
