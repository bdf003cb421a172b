/// What the user is told of how watchpoints are served: each once, many of the same in one line.
///
/// Thread: I/O.
#pragma once

#include <set>
#include <string>

#include "vmm/debug/plan.hpp"

namespace vmm {

class WatchNews {
 public:
  /// Lines for what this plan serves by other means than debug registers, and was not told before.
  std::string of(const Plan& plan);
  void forget() { told_.clear(); }

 private:
  std::set<std::string> told_;
};

}  // namespace vmm
