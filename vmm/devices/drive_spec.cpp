#include "vmm/devices/drive_spec.hpp"

#include <fmt/format.h>

#include <vector>

#include "vmm/base/errors.hpp"

namespace vmm {
namespace {

/// At single commas; two stand for one that is part of a word.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != ',') {
      words.back() += text[i];
    } else if (text.substr(i + 1).starts_with(',')) {
      words.back() += text[++i];
    } else {
      words.emplace_back();
    }
  }
  return words;
}

struct OptionRow {
  std::string_view word;
  void (*apply)(DriveSpec&);
};
constexpr OptionRow kOptions[] = {
    {"if=ide", [](DriveSpec& spec) { spec.interface = DriveSpec::Interface::kIde; }},
    {"if=virtio", [](DriveSpec& spec) { spec.interface = DriveSpec::Interface::kVirtio; }},
    {"ro", [](DriveSpec& spec) { spec.read_only = true; }},
    {"snapshot", [](DriveSpec& spec) { spec.snapshot = true; }},
};

void apply(DriveSpec& spec, const std::string& word) {
  for (const OptionRow& row : kOptions) {
    if (word == row.word) return row.apply(spec);
  }
  throw HostError(fmt::format(
      "'{}' is no option of a drive: say FILE[,if=ide|virtio][,ro][,snapshot], a comma in FILE doubled", word));
}

}  // namespace

DriveSpec parse_drive(std::string_view text) {
  const auto words = words_of(text);
  DriveSpec spec{.path = words[0]};
  if (spec.path.empty()) throw HostError("a drive needs a file: say FILE[,if=ide|virtio][,ro][,snapshot]");
  for (std::size_t i = 1; i < words.size(); ++i) apply(spec, words[i]);
  return spec;
}

}  // namespace vmm
