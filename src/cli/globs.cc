#include "cli/globs.h"

#include <algorithm>
#include <cstddef>

#include "base/strings.h"

namespace rage::cli {
namespace {

// One element of a pattern at `at`, which moves past it; true if it matches `c`.
bool matches_one(std::string_view pattern, std::size_t& at, char c) {
  const char first = pattern[at++];
  if (first == '?') return true;
  if (first == '\\' && at < pattern.size()) return pattern[at++] == c;
  if (first != '[') return first == c;
  std::size_t end = at;
  const bool negated = end < pattern.size() && (pattern[end] == '!' || pattern[end] == '^');
  if (negated) ++end;
  bool found = false;
  const std::size_t begin = end;
  while (end < pattern.size() && (pattern[end] != ']' || end == begin)) {
    const char low = pattern[end];
    const bool range =
        end + 2 < pattern.size() && pattern[end + 1] == '-' && pattern[end + 2] != ']';
    const char high = range ? pattern[end + 2] : low;
    found = found || (low <= c && c <= high);
    end += range ? 3 : 1;
  }
  if (end >= pattern.size()) return c == '[';  // Never closed: it stands for itself.
  at = end + 1;
  return found != negated;
}

// One part of a path against one of a pattern. Only the last '*' can be wrong, so only it is tried
// again.
bool matches_part(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t retry = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      retry = t;
      continue;
    }
    std::size_t next = p;
    if (p < pattern.size() && matches_one(pattern, next, text[t])) {
      p = next;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star;
      t = ++retry;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace

bool matches_glob(std::string_view pattern, std::string_view path) {
  while (pattern.ends_with('/')) pattern.remove_suffix(1);
  const bool anchored = pattern.find('/') != std::string_view::npos;
  while (pattern.starts_with('/')) pattern.remove_prefix(1);
  if (pattern.empty() || path.empty()) return false;
  std::vector<std::string_view> wanted = split(pattern, '/');
  if (!anchored) wanted.insert(wanted.begin(), "**");
  // reached[i]: the first i parts of the pattern match the parts of the path so far.
  std::vector<bool> reached(wanted.size() + 1, false);
  reached[0] = true;
  const auto skip_empty_runs = [&] {
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (reached[i] && wanted[i] == "**") reached[i + 1] = true;
    }
  };
  skip_empty_runs();
  for (const std::string_view part : split(path, '/')) {
    std::vector<bool> next(wanted.size() + 1, false);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (!reached[i]) continue;
      if (wanted[i] == "**") {
        next[i] = true;
      } else if (matches_part(wanted[i], part)) {
        next[i + 1] = true;
      }
    }
    reached = std::move(next);
    skip_empty_runs();
    if (reached.back()) return true;  // The path itself, or a folder it lies in.
  }
  return false;
}

bool matches_any(const std::vector<std::string>& patterns, std::string_view path) {
  return std::ranges::any_of(
      patterns, [&](const std::string& pattern) { return matches_glob(pattern, path); });
}

}  // namespace rage::cli
