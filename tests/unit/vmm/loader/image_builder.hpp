/// Images made by the test that needs them: an ELF writer of both classes, notes, and multiboot headers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace vmm::test {

using Bytes = std::vector<std::byte>;

template <typename T>
void append(Bytes& out, T value) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  out.insert(out.end(), bytes.begin(), bytes.end());
}
template <typename T>
void patch(Bytes& out, std::size_t at, T value) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  for (std::size_t i = 0; i < bytes.size(); ++i) out.at(at + i) = bytes[i];
}
inline Bytes text(std::string_view characters) {
  const auto bytes = std::as_bytes(std::span(characters));
  return {bytes.begin(), bytes.end()};
}

struct ElfSegment {
  std::uint32_t type = 1;  // PT_LOAD
  std::uint64_t physical = 0;
  std::uint64_t link = 0;
  Bytes bytes;
  std::uint64_t memory_size = 0;  // of the bytes when 0
};

/// Header, program headers, contents, and with `symbols` a .symtab, a .debug_info and their names.
class ElfBuilder {
 public:
  explicit ElfBuilder(bool is64) : is64_(is64) {}
  ElfBuilder& entry(std::uint64_t value) { return entry_ = value, *this; }
  ElfBuilder& add(ElfSegment segment) { return segments_.push_back(std::move(segment)), *this; }
  ElfBuilder& symbols() { return symbols_ = true, *this; }

  static constexpr std::size_t kType = 16, kMachine = 18;
  std::size_t header_size() const { return is64_ ? 64 : 52; }
  std::size_t program_header(std::size_t index) const { return header_size() + index * (is64_ ? 56 : 32); }

  Bytes build() const {
    Bytes out = text(
        "\x7f"
        "ELF");
    append<std::uint8_t>(out, is64_ ? 2 : 1);
    append<std::uint8_t>(out, 1);
    out.resize(16);
    append<std::uint16_t>(out, 2);
    append<std::uint16_t>(out, is64_ ? 62 : 3);
    append<std::uint32_t>(out, 1);
    word(out, entry_);
    word(out, header_size());
    const std::size_t section_offset_at = out.size();
    word(out, 0);
    append<std::uint32_t>(out, 0);
    append(out, static_cast<std::uint16_t>(header_size()));
    append<std::uint16_t>(out, is64_ ? 56 : 32);
    append(out, static_cast<std::uint16_t>(segments_.size()));
    append<std::uint16_t>(out, is64_ ? 64 : 40);
    append<std::uint16_t>(out, symbols_ ? 4 : 0);
    append<std::uint16_t>(out, symbols_ ? 3 : 0);
    std::uint64_t offset = program_header(segments_.size());
    for (const auto& segment : segments_) {
      program_header(out, segment, offset);
      offset += segment.bytes.size();
    }
    for (const auto& segment : segments_) out.insert(out.end(), segment.bytes.begin(), segment.bytes.end());
    if (symbols_) sections(out, section_offset_at);
    return out;
  }

 private:
  void word(Bytes& out, std::uint64_t value) const {
    if (is64_) {
      append(out, value);
    } else {
      append(out, static_cast<std::uint32_t>(value));
    }
  }
  void program_header(Bytes& out, const ElfSegment& segment, std::uint64_t offset) const {
    append(out, segment.type);
    if (is64_) append<std::uint32_t>(out, 7);
    word(out, offset);
    word(out, segment.link);
    word(out, segment.physical);
    word(out, segment.bytes.size());
    word(out, segment.memory_size == 0 ? segment.bytes.size() : segment.memory_size);
    if (!is64_) append<std::uint32_t>(out, 7);
    word(out, 4);
  }
  void section(Bytes& out, std::uint32_t name, std::uint32_t type, std::uint64_t offset, std::uint64_t size) const {
    append(out, name);
    append(out, type);
    word(out, 0);
    word(out, 0);
    word(out, offset);
    word(out, size);
    out.resize(out.size() + 8);
    word(out, 0);
    word(out, 0);
  }
  void sections(Bytes& out, std::size_t section_offset_at) const {
    const std::string_view names("\0.symtab\0.debug_info\0.shstrtab\0", 31);
    const std::uint64_t names_at = out.size();
    const Bytes bytes = text(names);
    out.insert(out.end(), bytes.begin(), bytes.end());
    if (is64_) {
      patch<std::uint64_t>(out, section_offset_at, out.size());
    } else {
      patch(out, section_offset_at, static_cast<std::uint32_t>(out.size()));
    }
    section(out, 0, 0, 0, 0);
    section(out, 1, 2, 0, 0);
    section(out, 9, 1, 0, 0);
    section(out, 21, 3, names_at, names.size());
  }

  bool is64_;
  bool symbols_ = false;
  std::uint64_t entry_ = 0;
  std::vector<ElfSegment> segments_;
};

/// A multiboot 1 header whose checksum is right.
inline Bytes multiboot_header(std::uint32_t flags, const std::vector<std::uint32_t>& addresses = {}) {
  Bytes out;
  append<std::uint32_t>(out, 0x1badb002);
  append(out, flags);
  append(out, static_cast<std::uint32_t>(-(0x1badb002 + flags)));
  for (const auto address : addresses) append(out, address);
  return out;
}

inline Bytes padded(Bytes bytes, std::size_t size) { return bytes.resize(size), bytes; }

/// 1 MiB kernel with a bss, header at its start: the usual shape.
inline ElfBuilder multiboot_elf(bool is64, std::uint32_t flags = 3) {
  ElfBuilder elf(is64);
  elf.entry(0x100010).add(
      {.physical = 0x100000, .link = 0x100000, .bytes = padded(multiboot_header(flags), 64), .memory_size = 0x3000});
  return elf;
}

inline Bytes multiboot_kludge() {
  // header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr; 16 bytes in front of the header.
  Bytes out(16, std::byte{0x90});
  const Bytes header = multiboot_header(0x10000, {0x100010, 0x100000, 0x100080, 0x102000, 0x100040});
  out.insert(out.end(), header.begin(), header.end());
  return padded(out, 0x100);
}

inline Bytes xen_note(std::uint32_t type, std::uint64_t value, std::uint32_t value_size) {
  Bytes out;
  append<std::uint32_t>(out, 4);
  append(out, value_size);
  append(out, type);
  for (const char c : {'X', 'e', 'n', '\0'}) append(out, c);
  append(out, value);
  out.resize(16 + value_size);
  return out;
}

inline ElfBuilder pvh_elf() {
  Bytes notes = xen_note(6, 0, 8);
  const Bytes entry = xen_note(18, 0x100020, 4);
  notes.insert(notes.end(), entry.begin(), entry.end());
  ElfBuilder elf(true);
  elf.entry(0xffffffff80100000)
      .add({.physical = 0x100000, .link = 0xffffffff80100000, .bytes = Bytes(64, std::byte{0xf4})})
      .add({.type = 4, .bytes = notes});
  return elf;
}

/// A Linux kernel of boot protocol 2.15 with one setup sector and 64 bytes behind its 64-bit entry.
inline Bytes bzimage(std::uint64_t preferred = 0x200000) {
  Bytes out(1024 + 0x240);
  patch<std::uint8_t>(out, 0x1f1, 1);      // setup_sects
  patch<std::uint32_t>(out, 0x1f4, 0x24);  // syssize
  patch<std::uint16_t>(out, 0x1fe, 0xaa55);
  patch<std::uint16_t>(out, 0x200, 0x6aeb);      // jmp over the header
  patch<std::uint32_t>(out, 0x202, 0x53726448);  // HdrS
  patch<std::uint16_t>(out, 0x206, 0x20f);
  patch<std::uint16_t>(out, 0x20e, 0x100);  // kernel_version
  const Bytes version = text("6.1-test");
  std::ranges::copy(version, out.begin() + 0x300);
  patch<std::uint32_t>(out, 0x22c, 0x7fffffff);  // initrd_addr_max
  patch<std::uint16_t>(out, 0x236, 0x003f);      // xloadflags
  patch<std::uint32_t>(out, 0x238, 0x7ff);       // cmdline_size
  patch<std::uint64_t>(out, 0x258, preferred);
  patch<std::uint32_t>(out, 0x260, 0x10000);  // init_size
  patch<std::uint8_t>(out, 1024 + 0x200, 0xf4);
  return out;
}

inline Bytes boot_sector() {
  Bytes out = padded(text("\xfa\xf4"), 1024);
  patch<std::uint16_t>(out, 510, 0xaa55);
  return out;
}

}  // namespace vmm::test
