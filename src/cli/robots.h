// robots.txt: what a site asks of programs that read it (RFC 9309). Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rage::cli {

// More of a file is not read; the RFC asks for 500 KiB at least.
inline constexpr std::size_t kRobotsBytesMax = std::size_t{512} << 10;

struct RobotsRules {
  struct Rule {
    std::string pattern;  // Escapes in one spelling; '*' is anything, '$' at its end the end.
    bool allow = false;
  };
  std::vector<Rule> rules;                               // Of the groups for us.
  std::optional<std::chrono::milliseconds> crawl_delay;  // Not in the RFC, but in many files.
  std::vector<std::string> sitemaps;                     // As they stand there.
};

// `agent` is a product token such as "rage": the groups that name it hold, else those of '*'. What
// is no rule is passed over: there is no file that cannot be read.
RobotsRules parse_robots(std::string_view bytes, std::string_view agent);

// The longest rule that matches decides, of two as long the one that allows; without one, and for
// robots.txt itself, the answer is yes. `path_and_query` as SiteUrl has it.
bool is_allowed(const RobotsRules& rules, std::string_view path_and_query);

}  // namespace rage::cli
