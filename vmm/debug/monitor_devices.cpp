// The monitor's commands for the guest's screen and keyboard.
#include <fmt/format.h>

#include <fstream>

#include "vmm/base/errors.hpp"
#include "vmm/debug/debugger.hpp"
#include "vmm/debug/monitor.hpp"

namespace vmm {

gdb::Result<std::string> Monitor::screen(const Words&) { return screen_text(debugger_.machine_->screen()); }

gdb::Result<std::string> Monitor::screendump(const Words& words) {
  // The file is one of this host, and the peer need not be its user.
  if (words.size() != 1 || !words[0].ends_with(".png")) {
    return gdb::fail("`screendump` takes the name of a file that ends in .png");
  }
  const auto picture = screen_png(debugger_.machine_->screen());
  std::ofstream file(words[0], std::ios::binary);
  file.write(reinterpret_cast<const char*>(picture.data()), static_cast<std::streamsize>(picture.size()));
  file.close();
  if (!file) return gdb::fail(HostError::from_errno(fmt::format("writing '{}'", words[0])).what());
  return fmt::format("{}: a PNG of {} bytes\n", words[0], picture.size());
}

gdb::Result<std::string> Monitor::sendkey(const Words& words) {
  if (words.size() != 1) return gdb::fail("`sendkey` takes keys joined by `-`, such as ctrl-alt-delete");
  try {
    switch (debugger_.machine_->type(chord_named(words[0]))) {
      case I8042::Typed::kTaken: return fmt::format("{} typed\n", words[0]);
      case I8042::Typed::kOff: return gdb::fail("the guest has told its keyboard to be silent: the key is dropped");
      case I8042::Typed::kFull: break;
    }
  } catch (const HostError& error) {
    return gdb::fail(error.what());
  }
  return gdb::fail("the guest does not read its keyboard, whose buffer is full: the key is dropped");
}

}  // namespace vmm
