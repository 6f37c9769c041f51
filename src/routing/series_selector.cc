#include "routing/series_selector.h"

#include <algorithm>

#include "base/strings.h"

namespace rage::routing {
namespace {

constexpr std::size_t kBytesMax = 4096;

bool is_name(std::string_view text) {
  const auto allowed = [](char c) {
    return is_ascii_alpha(c) || is_ascii_digit(c) || c == '_' || c == ':';
  };
  return !text.empty() && !is_ascii_digit(text.front()) &&
         std::all_of(text.begin(), text.end(), allowed);
}

std::string_view without_quotes(std::string_view text) {
  const bool quoted = text.size() >= 2 && text.front() == '"' && text.back() == '"';
  return quoted ? text.substr(1, text.size() - 2) : text;
}

}  // namespace

Result<SeriesSelector> parse_series_selector(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return fail(ErrorCode::kInvalidArgument, "metric \"{}\": {}", text.substr(0, 200), why);
  };
  if (text.size() > kBytesMax) return bad("too long");
  const std::string_view all = trim(text);
  const std::size_t brace = all.find('{');
  SeriesSelector selector{.name = std::string(trim(all.substr(0, brace)))};
  if (!is_name(selector.name)) return bad("not a metric's name");
  if (brace == std::string_view::npos) return selector;
  if (all.back() != '}') return bad("a closing brace is missing");
  const std::string_view inner = trim(all.substr(brace + 1, all.size() - brace - 2));
  if (inner.empty()) return selector;
  for (const std::string_view part : split(inner, ',')) {
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos) return bad("a label needs a value");
    const std::string_view key = trim(part.substr(0, equals));
    const std::string_view value = without_quotes(trim(part.substr(equals + 1)));
    if (!is_name(key)) return bad("not a label's name");
    if (value.find_first_of("\"\\{}=") != std::string_view::npos) return bad("a label's value");
    selector.labels.emplace_back(key, value);
  }
  return selector;
}

}  // namespace rage::routing
