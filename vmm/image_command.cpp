#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "vmm/commands.hpp"
#include "vmm/loader/image_file.hpp"

namespace vmm {

namespace {

std::string_view symbols_of(const BootImage& image) {
  if (image.has_debug_info) return "symbols and debug information";
  return image.has_symbols ? "symbols, no debug information" : "none";
}

std::string access_of(const ImageSegment& segment) {
  return fmt::format("r{}{}", segment.writable ? 'w' : '-', segment.executable ? 'x' : '-');
}

nlohmann::ordered_json json_of(const BootImage& image) {
  nlohmann::ordered_json out{{"format", name_of(image.format)},
                             {"entry", image.entry},
                             {"entry_mode", name_of(image.entry_mode)},
                             {"about", image.about},
                             {"symbols", image.has_symbols},
                             {"debug_info", image.has_debug_info},
                             {"segments", nlohmann::ordered_json::array()}};
  for (const ImageSegment& segment : image.segments) {
    out["segments"].push_back({{"physical", segment.physical},
                               {"link", segment.link},
                               {"file_offset", segment.file_offset},
                               {"file_size", segment.bytes.size()},
                               {"memory_size", segment.memory_size},
                               {"access", access_of(segment)}});
  }
  return out;
}

}  // namespace

int image_command(const RunOptions& options, bool json) {
  const ImageFile file(options.image);
  const BootImage image = parse_image(file, options.format);
  if (json) {
    fmt::print("{}\n", json_of(image).dump(2));
    return 0;
  }
  fmt::print("format   {}\nentry    {:#x} in {}\nsymbols  {}\n", name_of(image.format), image.entry,
             name_of(image.entry_mode), symbols_of(image));
  if (!image.about.empty()) fmt::print("about    {}\n", image.about);
  fmt::print("\n{:>18} {:>18} {:>12} {:>12} {:>12}  access\n", "physical", "linked at", "file offset", "file size",
             "memory size");
  for (const ImageSegment& segment : image.segments) {
    fmt::print("{:#18x} {:#18x} {:#12x} {:#12x} {:#12x}  {}\n", segment.physical, segment.link, segment.file_offset,
               segment.bytes.size(), segment.memory_size, access_of(segment));
  }
  return 0;
}

}  // namespace vmm
