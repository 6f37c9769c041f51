#include "cli/robots.h"

#include <algorithm>

#include "base/strings.h"
#include "cli/site_url.h"

namespace rage::cli {
namespace {

constexpr std::size_t kRulesMax = 5'000;
constexpr std::size_t kRobotsSitemapsMax = 100;
constexpr double kDelaySecondsMax = 3600;

// "rage" of "Rage/1.0".
std::string product_of(std::string_view agent) {
  const auto is_part = [](char c) { return is_ascii_alpha(c) || c == '-' || c == '_'; };
  const auto end = std::ranges::find_if_not(agent, is_part);
  return to_lower_ascii(agent.substr(0, static_cast<std::size_t>(end - agent.begin())));
}

// One reading. One thread.
class RobotsReader final {
 public:
  explicit RobotsReader(std::string_view agent) : agent_(product_of(agent)) {}

  void take(std::string_view line) {
    line = line.substr(0, line.find('#'));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return;
    const std::string key = to_lower_ascii(trim(line.substr(0, colon)));
    const std::string_view value = trim(line.substr(colon + 1));
    if (key == "sitemap") {
      if (sitemaps_.size() < kRobotsSitemapsMax) sitemaps_.emplace_back(value);
    } else if (key == "user-agent") {
      take_agent(value);
    } else if (key == "allow" || key == "disallow" || key == "crawl-delay") {
      after_agents_ = true;
      if (for_us_) take_rule(key, value, ours_);
      if (for_all_) take_rule(key, value, everybodys_);
    }
  }

  RobotsRules finish() {
    RobotsRules rules = named_ ? std::move(ours_) : std::move(everybodys_);
    rules.sitemaps = std::move(sitemaps_);
    return rules;
  }

 private:
  // Several lines in a row are one group for all they name.
  void take_agent(std::string_view value) {
    if (after_agents_) for_us_ = for_all_ = after_agents_ = false;
    for_all_ = for_all_ || value == "*";
    if (value == "*" || agent_.empty() || product_of(value) != agent_) return;
    for_us_ = named_ = true;
  }

  static void take_rule(std::string_view key, std::string_view value, RobotsRules& rules) {
    if (key == "crawl-delay") {
      const auto seconds = parse_double(value);
      if (seconds && *seconds >= 0 && *seconds <= kDelaySecondsMax) {
        rules.crawl_delay = std::chrono::milliseconds(static_cast<long>(*seconds * 1000));
      }
    } else if (!value.empty() && rules.rules.size() < kRulesMax) {
      rules.rules.push_back({.pattern = normal_escapes(value), .allow = key == "allow"});
    }
  }

  const std::string agent_;
  bool for_us_ = false;  // The group that lines are read of now.
  bool for_all_ = false;
  bool after_agents_ = false;  // A rule has been seen: the next user agent begins a group.
  bool named_ = false;         // Some group names us.
  RobotsRules ours_;
  RobotsRules everybodys_;
  std::vector<std::string> sitemaps_;
};

// Only the last '*' can be wrong, so only it is tried again. A pattern that does not end in '$'
// need not reach the end of the path.
bool matches(std::string_view pattern, std::string_view path) {
  const bool anchored = pattern.ends_with('$');
  if (anchored) pattern.remove_suffix(1);
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t retry = 0;
  while (true) {
    if (p == pattern.size() && (!anchored || t == path.size())) return true;
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      retry = t;
    } else if (p < pattern.size() && t < path.size() && pattern[p] == path[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos && retry < path.size()) {
      p = star;
      t = ++retry;
    } else {
      return false;
    }
  }
}

}  // namespace

RobotsRules parse_robots(std::string_view bytes, std::string_view agent) {
  bytes = bytes.substr(0, kRobotsBytesMax);
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  RobotsReader reader(agent);
  while (!bytes.empty()) {
    const std::size_t end = std::min(bytes.find_first_of("\r\n"), bytes.size());
    reader.take(bytes.substr(0, end));
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
  return reader.finish();
}

bool is_allowed(const RobotsRules& rules, std::string_view path_and_query) {
  if (path_and_query == "/robots.txt") return true;
  const RobotsRules::Rule* best = nullptr;
  for (const RobotsRules::Rule& rule : rules.rules) {
    const std::size_t size = rule.pattern.size();
    const bool better = best == nullptr || size > best->pattern.size() ||
                        (size == best->pattern.size() && rule.allow && !best->allow);
    if (better && matches(rule.pattern, path_and_query)) best = &rule;
  }
  return best == nullptr || best->allow;
}

}  // namespace rage::cli
