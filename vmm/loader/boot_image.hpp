/// What any image format becomes: segments, an entry point and the CPU mode it is entered in. Parsing (`parse_image`)
/// looks only at file bytes; placing (`place_image`) writes guest memory and says how the first vCPU starts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vmm/cpu/cpu_state.hpp"
#include "vmm/memory/guest_memory.hpp"

namespace vmm {

enum class ImageFormat : std::uint8_t { kFlat, kBootSector, kMultiboot, kPvh, kElf32, kElf64, kBzImage, kFirmware };
enum class EntryMode : std::uint8_t { kReal16, kProtected32, kLong64 };

/// What `--format` says: a format by name, for `flat@ADDR` with its load address.
struct FormatRequest {
  ImageFormat format = ImageFormat::kFlat;
  std::uint64_t flat_address = 0;
};
/// "flat@0x7c00", "boot-sector", "multiboot", "pvh", "bzimage", "elf". Throws HostError that lists the names.
FormatRequest parse_format(const std::string& text);
/// The name users see in `--format` and `gdbvm image`.
std::string name_of(ImageFormat format);
std::string name_of(EntryMode mode);

struct ImageSegment {
  std::uint64_t physical = 0;        ///< where it is loaded (ELF p_paddr)
  std::uint64_t link = 0;            ///< where its code believes to be (ELF p_vaddr); equals physical elsewhere
  std::uint64_t memory_size = 0;     ///< bytes in memory; those beyond the file's are zero
  std::span<const std::byte> bytes;  ///< into the file, which the caller keeps alive
  std::uint64_t file_offset = 0;
  bool executable = true;
  bool writable = true;
};

struct BootImage {
  ImageFormat format = ImageFormat::kFlat;
  std::vector<ImageSegment> segments;
  std::uint64_t entry = 0;  ///< linear address of the first instruction
  EntryMode entry_mode = EntryMode::kReal16;
  bool elf = false;             ///< gdb can read it as a symbol file
  bool elf64 = false;           ///< ELFCLASS64
  bool has_symbols = false;     ///< .symtab
  bool has_debug_info = false;  ///< .debug_info
  std::string about;            ///< what the image says of itself, printable; often empty
  std::uint32_t multiboot_flags = 0;
  std::span<const std::byte> header;  ///< bzImage: the file up to the end of its setup header
};

/// Recognises and checks an image: multiboot header, PVH note, plain ELF, bzImage, 0x55AA, in that
/// order. Total on any bytes:
/// throws LoadError (format, field, offset), or HostError when no format fits (saying what to try).
BootImage parse_image(std::span<const std::byte> file, const std::optional<FormatRequest>& wanted);

/// `--firmware`: a ROM that ends at 4 GiB, which the CPU enters at its reset vector, and a copy of it that ends at
/// 1 MiB, as memory. Throws HostError when it can't be a ROM.
BootImage firmware_image(std::span<const std::byte> file);
/// How much ROM the image needs of GuestMemory; 0: it is no firmware.
std::uint64_t rom_size(const BootImage& image);

/// What the boot protocol hands over beside the image.
struct BootModule {
  std::span<const std::byte> bytes;  ///< the caller keeps them alive
  std::string arguments;             ///< multiboot: its string; first word the file's name
};
struct BootOptions {
  std::string command_line;         ///< --append
  std::string image_name;           ///< multiboot puts it before the command line
  std::vector<BootModule> modules;  ///< --initrd first, then each --module; a bzImage takes one
};

/// Clears `memory`, then writes segments, boot information, page tables and modules into it; returns the first vCPU's
/// state. Keeps what KVM set in `reset` where the protocol says nothing (apic_base). Throws LoadError when something
/// does not fit in RAM, HostError when the format can't take an option (a command line for a boot sector).
CpuState place_image(const BootImage& image, const BootOptions& options, GuestMemory& memory, const CpuState& reset);

}  // namespace vmm
