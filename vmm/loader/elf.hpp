/// ELF headers as far as a loader needs them (System V gABI, chapters 4 and 5). Bounds-checked; throws LoadError.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "vmm/base/byte_reader.hpp"
#include "vmm/loader/boot_image.hpp"

namespace vmm {

inline constexpr std::uint32_t kElfLoad = 1;  ///< PT_LOAD
inline constexpr std::uint32_t kElfNote = 4;  ///< PT_NOTE

struct ElfProgramHeader {
  std::uint64_t header_offset = 0;  ///< in the file, for messages
  std::uint32_t type = 0;
  std::uint32_t flags = 0;
  std::uint64_t offset = 0;
  std::uint64_t link = 0;
  std::uint64_t physical = 0;
  std::uint64_t file_size = 0;
  std::uint64_t memory_size = 0;
  std::uint64_t align = 0;
};

struct ElfFile {
  bool is64 = false;
  std::uint64_t entry = 0;
  std::vector<ElfProgramHeader> headers;
};

bool is_elf(std::span<const std::byte> file);
/// An x86 executable of either class.
ElfFile parse_elf(const ByteReader& file);
/// An image of its PT_LOAD segments, with class and symbols filled in; format and entry are the caller's. Segments are
/// in RAM order of the file, don't overlap and don't wrap.
BootImage elf_image(const ByteReader& file, const ElfFile& elf, std::span<const std::byte> bytes);
/// e_entry as a CPU without paging reaches it: an entry inside a segment's link range is moved to where that is loaded.
std::uint64_t physical_entry(const ByteReader& file, const ElfFile& elf, const BootImage& image);
/// Sets has_symbols and has_debug_info. Missing or damaged section headers only mean that there are none.
void find_elf_symbols(std::span<const std::byte> bytes, BootImage& image);

}  // namespace vmm
