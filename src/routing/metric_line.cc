#include "routing/detail/metric_line.h"

#include <algorithm>
#include <cmath>

#include "base/strings.h"

namespace rage::routing::detail {
namespace {

// The index of the quote that closes a value; npos if none does.
std::size_t closing_quote(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      return at;
    }
  }
  return std::string_view::npos;
}

bool equals_unescaped(std::string_view raw, std::string_view wanted) {
  if (raw.find('\\') == std::string_view::npos) return raw == wanted;
  std::string plain;
  append_unescaped(raw, plain);
  return plain == wanted;
}

}  // namespace

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

std::string_view without_leading_blanks(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size() && is_blank(text[at])) ++at;
  return text.substr(at);
}

bool Labels::read(std::string_view& text) {
  text.remove_prefix(1);
  while (true) {
    text = without_leading_blanks(text);
    if (text.empty()) return false;
    if (text.front() == '}') {
      text.remove_prefix(1);
      return true;
    }
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos || count_ == kLabelsMax) return false;
    const std::string_view key = trim(text.substr(0, equals));
    text = without_leading_blanks(text.substr(equals + 1));
    if (text.empty() || text.front() != '"') return false;
    text.remove_prefix(1);
    const std::size_t end = closing_quote(text);
    if (end == std::string_view::npos) return false;
    labels_[count_++] = {key, text.substr(0, end)};
    text = without_leading_blanks(text.substr(end + 1));
    if (!text.empty() && text.front() == ',') text.remove_prefix(1);
  }
}

const std::string_view* Labels::find(std::string_view name) const {
  for (const Label& label : all()) {
    if (label.first == name) return &label.second;
  }
  return nullptr;
}

bool Labels::has_all(const SeriesSelector& series) const {
  return std::all_of(series.labels.begin(), series.labels.end(), [this](const auto& wanted) {
    const std::string_view* value = find(wanted.first);
    return value != nullptr && equals_unescaped(*value, wanted.second);
  });
}

void append_unescaped(std::string_view raw, std::string& out) {
  for (std::size_t at = 0; at < raw.size(); ++at) {
    if (raw[at] != '\\' || at + 1 == raw.size()) {
      out.push_back(raw[at]);
      continue;
    }
    ++at;
    out.push_back(raw[at] == 'n' ? '\n' : raw[at]);
  }
}

std::optional<double> read_value(std::string_view text) {
  text = without_leading_blanks(text);
  const std::size_t end = std::min(text.find_first_of(" \t\r"), text.size());
  text = text.substr(0, end);
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  const std::optional<double> value = parse_double(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

}  // namespace rage::routing::detail
