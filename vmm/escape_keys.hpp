/// Ctrl-A and its commands on a terminal console, as in QEMU and minicom: x ends, c (or h or ?) says help, Ctrl-A sends
/// itself. Any other key after Ctrl-A is dropped together with it.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <utility>
#include <vector>

namespace vmm {

class EscapeKeys {
 public:
  EscapeKeys(std::function<void()> on_quit, std::function<void()> on_help)
      : on_quit_(std::move(on_quit)), on_help_(std::move(on_help)) {}

  /// Calls the commands, gives what is left for the guest. A command may be split over two calls.
  std::vector<std::byte> filter(std::span<const std::byte> typed) {
    std::vector<std::byte> rest;
    for (const auto key : typed) {
      if (!std::exchange(escaped_, false)) {
        if (key == kCtrlA) {
          escaped_ = true;
        } else {
          rest.push_back(key);
        }
        continue;
      }
      if (key == kCtrlA) rest.push_back(key);
      if (key == std::byte{'x'}) on_quit_();
      if (key == std::byte{'c'} || key == std::byte{'h'} || key == std::byte{'?'}) on_help_();
    }
    return rest;
  }

 private:
  static constexpr std::byte kCtrlA{1};
  std::function<void()> on_quit_;
  std::function<void()> on_help_;
  bool escaped_ = false;
};

}  // namespace vmm
