#include "cli/side_by_side.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "text/unicode.h"

namespace rage::cli {
namespace {

constexpr std::size_t kColumnsMin = 60;
constexpr std::string_view kBetween = " | ";

void wrap_line(std::string_view line, std::size_t width, std::vector<std::string>& out) {
  std::string current;
  std::size_t used = 0;
  for (const std::string_view word : split(line, ' ')) {
    std::string_view rest = word;
    const std::size_t length = text::count_code_points(word);
    if (used > 0 && used + 1 + length > width) {
      out.push_back(std::exchange(current, {}));
      used = 0;
    }
    while (used == 0 && text::count_code_points(rest) > width) {  // A long address.
      const std::string_view head = text::take_code_points(rest, width);
      out.emplace_back(head);
      rest.remove_prefix(head.size());
    }
    if (used > 0) {
      current.push_back(' ');
      ++used;
    }
    current.append(rest);
    used += text::count_code_points(rest);
  }
  out.push_back(std::move(current));
}

std::string padded(const std::string& text, std::size_t width) {
  const std::size_t used = text::count_code_points(text);
  return text + std::string(used < width ? width - used : 0, ' ');
}

}  // namespace

std::vector<std::string> wrap(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  for (const std::string_view line : split(text, '\n')) wrap_line(line, width, lines);
  return lines;
}

std::string side_by_side(std::string_view left_title, std::string_view left,
                         std::string_view right_title, std::string_view right,
                         std::size_t columns) {
  if (columns < kColumnsMin)
    return fmt::format("{}\n{}\n\n{}\n{}\n", left_title, left, right_title, right);
  const std::size_t width = (columns - kBetween.size()) / 2;
  const auto left_lines = wrap(left, width);
  const auto right_lines = wrap(right, width);
  std::string out = padded(std::string(left_title), width) + std::string(kBetween) +
                    std::string(right_title) + "\n";
  out += std::string(width, '-') + "-+-" + std::string(width, '-') + "\n";
  for (std::size_t i = 0; i < std::max(left_lines.size(), right_lines.size()); ++i) {
    const std::string& a = i < left_lines.size() ? left_lines[i] : std::string();
    out += padded(a, width) + std::string(kBetween) +
           (i < right_lines.size() ? right_lines[i] : "") + "\n";
  }
  return out;
}

std::string render_sources(const codec::Json& completion) {
  const codec::Json* grounding = codec::find_key(completion, "grounding");
  const codec::Json* citations =
      grounding == nullptr ? nullptr : codec::find_key(*grounding, "citations");
  if (citations == nullptr || !citations->is_array() || citations->empty()) return {};
  std::string out = "\nSources\n";
  for (const codec::Json& citation : *citations) {
    const std::string title = codec::string_or(citation, "title", "");
    const std::string url = codec::string_or(citation, "url", "");
    const std::string name =
        title.empty() ? codec::string_or(citation, "doc_id", "").substr(0, 12) : title;
    out += fmt::format("  [{}] {}{}{}\n", codec::number_or(citation, "number", 0), name,
                       url.empty() ? "" : "  ", url);
  }
  return out;
}

}  // namespace rage::cli
