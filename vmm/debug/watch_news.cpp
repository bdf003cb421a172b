#include "vmm/debug/watch_news.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

namespace vmm {

namespace {

constexpr std::size_t kMostLines = 20;  // more of the same tell nothing more

struct News {
  std::vector<std::string> lines;
  std::uint64_t first = ~std::uint64_t{0};
  std::uint64_t last = 0;
};

}  // namespace

std::string WatchNews::of(const Plan& plan) {
  std::map<std::pair<std::string, std::string>, News> groups;  // by mechanism and reason
  for (const Breakpoint& row : plan.rows) {
    const bool slow = row.mechanism == Breakpoint::Mechanism::kPage || row.mechanism == Breakpoint::Mechanism::kCompare;
    if (!is_watch(row.spec) || !slow) continue;
    std::string line = fmt::format("watch {:#x} ({} byte{}): by {}: {}\n", row.spec.address, row.spec.kind,
                                   row.spec.kind == 1 ? "" : "s", describe(row), row.why);
    if (!told_.insert(line).second) continue;
    News& news = groups[{describe(row), row.why}];
    news.lines.push_back(std::move(line));
    news.first = std::min(news.first, row.spec.address);
    news.last = std::max(news.last, row.spec.address);
  }
  std::string text;
  for (const auto& [group, news] : groups) {
    const auto& [mechanism, why] = group;
    if (news.lines.size() > kMostLines) {
      text += fmt::format("{} watchpoints from {:#x} to {:#x}: by {}: {}\n", news.lines.size(), news.first, news.last,
                          mechanism, why);
      continue;
    }
    for (const std::string& line : news.lines) text += line;
  }
  return text;
}

}  // namespace vmm
