#include "vmm/loader/table_loader.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "vmm/base/table_bytes.hpp"

namespace vmm {
namespace {

constexpr std::string_view kTables = "etc/acpi/tables";
constexpr std::string_view kRsdpFile = "etc/acpi/rsdp";
constexpr std::uint32_t kRsdpAlign = 16;
constexpr std::size_t kOrderSize = 128;

using FileName = std::array<char, 56>;

FileName file_name(std::string_view text) {
  FileName name{};
  std::ranges::copy(text, name.begin());
  return name;
}

struct [[gnu::packed]] Allocate {
  enum Zone : std::uint8_t { kHigh = 1, kBiosArea = 2 };  // where there is room; where guests search
  std::uint32_t command = 1;
  FileName file;
  std::uint32_t align;
  std::uint8_t zone;
};
struct [[gnu::packed]] AddPointer {
  std::uint32_t command = 2;
  FileName file;
  FileName target;
  std::uint32_t offset;
  std::uint8_t size;
};
struct [[gnu::packed]] AddChecksum {
  std::uint32_t command = 3;
  FileName file;
  std::uint32_t offset;
  std::uint32_t start;
  std::uint32_t length;
};

void put_order(table::Bytes& out, const auto& order) {
  static_assert(sizeof order <= kOrderSize);
  const std::size_t end = out.size() + kOrderSize;
  table::append(out, order);
  out.resize(end);
}

void put_links(table::Bytes& out, std::string_view file, const AcpiBlob& blob) {
  for (const AcpiBlob::Pointer& pointer : blob.pointers) {
    put_order(
        out,
        AddPointer{
            .file = file_name(file), .target = file_name(kTables), .offset = pointer.offset, .size = pointer.size});
  }
  for (const AcpiBlob::Checksum& sum : blob.checksums) {
    put_order(out,
              AddChecksum{.file = file_name(file), .offset = sum.offset, .start = sum.start, .length = sum.length});
  }
}

}  // namespace

std::vector<std::pair<std::string, std::vector<std::byte>>> table_loader_files(const AcpiTables& acpi) {
  table::Bytes orders;
  put_order(orders, Allocate{.file = file_name(kTables), .align = AcpiTables::kAlign, .zone = Allocate::kHigh});
  put_order(orders, Allocate{.file = file_name(kRsdpFile), .align = kRsdpAlign, .zone = Allocate::kBiosArea});
  put_links(orders, kTables, acpi.tables);
  put_links(orders, kRsdpFile, acpi.rsdp);
  return {{"etc/table-loader", orders},
          {std::string(kTables), acpi.tables.bytes},
          {std::string(kRsdpFile), acpi.rsdp.bytes}};
}

}  // namespace vmm
