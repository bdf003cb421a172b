/// gdb's `monitor` command: a table of commands, a row = name, arguments, help, handler.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gdbstub/target.hpp"

namespace vmm {

class Debugger;

class Monitor final : public gdb::Monitor {
 public:
  explicit Monitor(Debugger& debugger) : debugger_(debugger) {}
  gdb::Result<std::string> command(std::string_view line) override;

 private:
  using Words = std::vector<std::string>;  ///< what follows the name
  struct Row {
    std::string_view name;  ///< one or two words
    std::string_view arguments;
    std::string_view help;
    gdb::Result<std::string> (Monitor::*handler)(const Words&);
    bool needs_stopped = true;
  };
  static const std::vector<Row>& table();

  gdb::Result<std::string> help(const Words& words);
  gdb::Result<std::string> info_registers(const Words& words);
  gdb::Result<std::string> info_cpus(const Words& words);
  gdb::Result<std::string> info_exits(const Words& words);
  gdb::Result<std::string> info_devices(const Words& words);
  gdb::Result<std::string> info_breakpoints(const Words& words);
  gdb::Result<std::string> info_catch(const Words& words);
  gdb::Result<std::string> add_catch(const Words& words);
  gdb::Result<std::string> uncatch(const Words& words);
  gdb::Result<std::string> break_filter(const Words& words);
  gdb::Result<std::string> interrupts_while_stepping(const Words& words);
  gdb::Result<std::string> screen(const Words& words);
  gdb::Result<std::string> screendump(const Words& words);
  gdb::Result<std::string> sendkey(const Words& words);
  gdb::Result<std::string> reset(const Words& words);
  gdb::Result<std::string> quit(const Words& words);

  Debugger& debugger_;
};

}  // namespace vmm
