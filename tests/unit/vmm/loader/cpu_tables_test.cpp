/// Reads the tables back as a guest does: by searching, following pointers and adding up bytes.
#include <catch2/catch.hpp>

#include <map>
#include <numeric>
#include <string>

#include "image_builder.hpp"
#include "vmm/loader/cpu_tables.hpp"

using namespace vmm;
using namespace vmm::test;
using namespace vmm::layout;

namespace {

struct Tables {
  GuestMemory memory{4 * kMiB};

  explicit Tables(unsigned cpus, const BootImage& image = {}) { place_cpu_tables(image, cpus, {}, memory); }

  template <typename T>
  T at(std::uint64_t address) const {
    const auto value = memory.load<T>(address);
    REQUIRE(value.has_value());
    return *value;
  }
  unsigned byte(std::uint64_t address) const { return at<std::uint8_t>(address); }
  std::string text_at(std::uint64_t address, std::size_t size) const {
    std::string out(size, '\0');
    REQUIRE(memory.read(address, std::as_writable_bytes(std::span(out))) == size);
    return out;
  }
  unsigned sum(std::uint64_t address, std::size_t size) const {
    unsigned total = 0;
    for (std::size_t i = 0; i < size; ++i) total += byte(address + i);
    return total & 0xff;
  }
  /// The address of a structure that starts with `signature` on a 16-byte boundary and adds up to zero; 0 if there is
  /// none.
  std::uint64_t search(std::uint64_t begin, std::uint64_t end, const std::string& signature, std::size_t size) const {
    for (std::uint64_t at = begin; at < end; at += 16) {
      if (text_at(at, signature.size()) == signature && sum(at, size) == 0) return at;
    }
    return 0;
  }
  std::uint64_t mp_configuration() const {
    const std::uint64_t pointer = search(kBiosArea, kHighRam, "_MP_", 16);
    REQUIRE(pointer != 0);
    REQUIRE(byte(pointer + 8) == 1);
    REQUIRE(byte(pointer + 9) == 4);
    REQUIRE(byte(pointer + 11) == 0);
    return at<std::uint32_t>(pointer + 4);
  }
  /// The ACPI tables by signature, found through the RSDT and through the XSDT.
  std::map<std::string, std::uint64_t> acpi() const {
    const std::uint64_t rsdp = search(kBiosArea, kHighRam, "RSD PTR ", 20);
    REQUIRE(rsdp != 0);
    REQUIRE(byte(rsdp + 15) == 2);
    REQUIRE(at<std::uint32_t>(rsdp + 20) == 36);
    REQUIRE(sum(rsdp, 36) == 0);
    const std::uint64_t rsdt = checked(at<std::uint32_t>(rsdp + 16), "RSDT");
    const std::uint64_t xsdt = checked(at<std::uint64_t>(rsdp + 24), "XSDT");
    const auto count = (at<std::uint32_t>(rsdt + 4) - 36) / 4;
    REQUIRE(at<std::uint32_t>(xsdt + 4) == 36 + count * 8);
    std::map<std::string, std::uint64_t> tables;
    for (unsigned i = 0; i < count; ++i) {
      const auto address = at<std::uint64_t>(xsdt + 36 + i * 8);
      REQUIRE(at<std::uint32_t>(rsdt + 36 + i * 4) == address);
      const std::string signature = text_at(address, 4);
      tables[signature] = checked(address, signature);
    }
    return tables;
  }
  std::uint64_t checked(std::uint64_t address, const std::string& signature) const {
    REQUIRE(text_at(address, 4) == signature);
    const auto length = at<std::uint32_t>(address + 4);
    REQUIRE(length >= 36);
    REQUIRE(address >= kBiosArea);
    REQUIRE(address + length <= kHighRam);
    REQUIRE(sum(address, length) == 0);
    return address;
  }
};

BootImage image_at(std::uint64_t address, std::uint64_t size) {
  BootImage image;
  image.segments.push_back({.physical = address, .link = address, .memory_size = size, .bytes = {}});
  return image;
}

}  // namespace

TEST_CASE("the MP table describes the CPUs, the I/O APIC and the interrupt lines") {
  const unsigned cpus = GENERATE(1U, 2U, 4U, 16U, 255U);
  const Tables tables(cpus);
  const std::uint64_t table = tables.mp_configuration();
  REQUIRE(tables.text_at(table, 4) == "PCMP");
  const auto length = tables.at<std::uint16_t>(table + 4);
  REQUIRE(tables.sum(table, length) == 0);
  REQUIRE(tables.at<std::uint32_t>(table + 36) == 0xfee00000);

  unsigned entries = 0, processors = 0, last_type = 0;
  std::map<unsigned, unsigned> pin_of_line;
  std::map<unsigned, unsigned> kind_of_local_pin;
  std::uint64_t at = table + 44;
  for (; at < table + length; ++entries) {
    const unsigned type = tables.byte(at);
    REQUIRE(type >= last_type);
    last_type = type;
    if (type == 0) {
      REQUIRE(tables.byte(at + 1) == processors);
      REQUIRE(tables.byte(at + 3) == (processors == 0 ? 3 : 1));
      ++processors;
    } else if (type == 1) {
      REQUIRE(tables.byte(at + 1) == 0);
      REQUIRE(tables.text_at(at + 2, 6) == "ISA   ");
    } else if (type == 2) {
      REQUIRE(tables.byte(at + 1) == kIoApicId);
      REQUIRE(tables.byte(at + 3) == 1);
      REQUIRE(tables.at<std::uint32_t>(at + 4) == 0xfec00000);
    } else if (type == 3) {
      REQUIRE(tables.byte(at + 1) == 0);
      REQUIRE(tables.byte(at + 4) == 0);
      REQUIRE(tables.byte(at + 6) == kIoApicId);
      REQUIRE(pin_of_line.emplace(tables.byte(at + 5), tables.byte(at + 7)).second);
    } else {
      REQUIRE(type == 4);
      kind_of_local_pin[tables.byte(at + 7)] = tables.byte(at + 1);
    }
    at += type == 0 ? 20 : 8;
  }
  REQUIRE(at == table + length);
  REQUIRE(tables.at<std::uint16_t>(table + 34) == entries);
  REQUIRE(processors == cpus);
  REQUIRE(pin_of_line.size() == 15);
  for (const auto& [line, pin] : pin_of_line) REQUIRE(pin == (line == 0 ? kTimerPin : line));
  REQUIRE(kind_of_local_pin == std::map<unsigned, unsigned>{{0, 3}, {1, 1}});
}

TEST_CASE("the MADT says the same") {
  const unsigned cpus = GENERATE(1U, 2U, 4U, 16U, 255U);
  const Tables tables(cpus);
  const std::uint64_t madt = tables.acpi().at("APIC");
  const std::uint64_t end = madt + tables.at<std::uint32_t>(madt + 4);
  REQUIRE(tables.at<std::uint32_t>(madt + 36) == 0xfee00000);
  REQUIRE(tables.at<std::uint32_t>(madt + 40) == 1);
  unsigned processors = 0;
  std::map<unsigned, unsigned> others;
  std::uint64_t at = madt + 44;
  while (at < end) {
    const unsigned type = tables.byte(at);
    const unsigned length = tables.byte(at + 1);
    REQUIRE(length >= 2);
    if (type == 0) {
      REQUIRE(length == 8);
      REQUIRE(tables.byte(at + 2) == processors);
      REQUIRE(tables.byte(at + 3) == processors);
      REQUIRE(tables.at<std::uint32_t>(at + 4) == 1);
      ++processors;
    } else {
      ++others[type];
      if (type == 1) {
        REQUIRE(length == 12);
        REQUIRE(tables.byte(at + 2) == kIoApicId);
        REQUIRE(tables.at<std::uint32_t>(at + 4) == 0xfec00000);
        REQUIRE(tables.at<std::uint32_t>(at + 8) == 0);
      } else if (type == 2) {
        REQUIRE(length == 10);
        const bool timer = tables.byte(at + 3) == 0;
        REQUIRE((timer || tables.byte(at + 3) == kSciLine));
        REQUIRE(tables.at<std::uint32_t>(at + 4) == (timer ? kTimerPin : kSciLine));
        REQUIRE(tables.at<std::uint16_t>(at + 8) == (timer ? 0 : 0xd));
      } else {
        REQUIRE(type == 4);
        REQUIRE(length == 6);
        REQUIRE(tables.byte(at + 2) == 0xff);
        REQUIRE(tables.byte(at + 5) == 1);
      }
    }
    at += length;
  }
  REQUIRE(at == end);
  REQUIRE(processors == cpus);
  REQUIRE(others == std::map<unsigned, unsigned>{{1, 1}, {2, 2}, {4, 1}});
}

TEST_CASE("the FADT tells of power-off, timer, reset register and DSDT") {
  const Tables tables(2);
  const std::uint64_t fadt = tables.acpi().at("FACP");
  REQUIRE(tables.at<std::uint32_t>(fadt + 4) == 276);
  REQUIRE(tables.byte(fadt + 8) == 6);
  REQUIRE((tables.at<std::uint32_t>(fadt + 112) & (1U << 20)) == 0);  // not the hardware-reduced kind
  REQUIRE(tables.at<std::uint16_t>(fadt + 46) == 9);
  REQUIRE(tables.at<std::uint32_t>(fadt + 48) == 0);
  REQUIRE(tables.at<std::uint32_t>(fadt + 56) == 0x600);
  REQUIRE(tables.at<std::uint32_t>(fadt + 64) == 0x604);
  REQUIRE(tables.at<std::uint32_t>(fadt + 76) == 0x608);
  REQUIRE(tables.byte(fadt + 88) == 4);
  REQUIRE(tables.byte(fadt + 89) == 2);
  REQUIRE(tables.byte(fadt + 91) == 4);
  REQUIRE(tables.at<std::uint64_t>(fadt + 148 + 4) == 0x600);
  REQUIRE(tables.at<std::uint64_t>(fadt + 172 + 4) == 0x604);
  REQUIRE(tables.at<std::uint64_t>(fadt + 208 + 4) == 0x608);
  const auto facs = tables.at<std::uint32_t>(fadt + 36);
  REQUIRE(facs % 64 == 0);
  REQUIRE(tables.text_at(facs, 4) == "FACS");
  REQUIRE((tables.at<std::uint32_t>(fadt + 112) & (1U << 10)) != 0);
  REQUIRE(tables.at<std::uint16_t>(fadt + 109) == 3);
  REQUIRE(tables.byte(fadt + 116) == 1);
  REQUIRE(tables.at<std::uint64_t>(fadt + 120) == 0xcf9);
  REQUIRE(tables.byte(fadt + 128) == 6);
  REQUIRE(tables.byte(fadt + 131) == 5);
  const auto dsdt = tables.at<std::uint64_t>(fadt + 140);
  REQUIRE(tables.at<std::uint32_t>(fadt + 40) == dsdt);
  tables.checked(dsdt, "DSDT");
}

TEST_CASE("the BIOS data area leads to the EBDA") {
  const Tables tables(1);
  REQUIRE(tables.at<std::uint16_t>(0x40e) * 16U == kEbda);
  REQUIRE(tables.at<std::uint16_t>(0x413) * kKiB == kEbda);
  REQUIRE(tables.byte(kEbda) == 1);
}

TEST_CASE("more CPUs than APIC ids are left out") {
  REQUIRE(cpu_tables(300) == cpu_tables(kMostCpusInTables));
  REQUIRE(cpu_tables(kMostCpusInTables).size() < 0x8000);
}

TEST_CASE("an image that claims the place keeps it") {
  const std::uint64_t size = cpu_tables(4).size();
  const auto tables_with = [](std::uint64_t address, std::uint64_t bytes) {
    return Tables(4, image_at(address, bytes)).search(kBiosArea, kHighRam, "_MP_", 16);
  };
  REQUIRE(tables_with(kCpuTables + size - 1, 1) == 0);
  REQUIRE(tables_with(kCpuTables - 1, 2) == 0);
  REQUIRE(tables_with(kCpuTables + size, 0x10000 - size) == kMpPointer);
  REQUIRE(tables_with(0x7c00, 512) == kMpPointer);
  REQUIRE(tables_with(kCpuTables - 1, 1) == kMpPointer);
  const Tables low(4, image_at(0, 0x410));
  REQUIRE(low.at<std::uint16_t>(0x40e) == 0);
  REQUIRE(low.at<std::uint16_t>(0x413) * kKiB == kEbda);
}
