#include "payload/detail/header_value.h"

#include "base/strings.h"

namespace rage::payload::detail {
namespace {

// A token or a quoted string at the start of `text`, which it is taken from.
std::optional<std::string> take_parameter_value(std::string_view& text) {
  if (!text.starts_with('"')) {
    const std::string_view token = text.substr(0, text.find(';'));
    text.remove_prefix(token.size());
    const std::string_view trimmed = trim(token);
    if (trimmed.contains('"')) return std::nullopt;
    return std::string(trimmed);
  }
  std::string value;
  for (std::size_t at = 1; at < text.size(); ++at) {
    if (text[at] == '"') {
      text.remove_prefix(at + 1);
      return value;
    }
    if (text[at] == '\\' && at + 1 < text.size()) ++at;
    value += text[at];
  }
  return std::nullopt;
}

}  // namespace

const std::string* HeaderValue::find(std::string_view name) const {
  for (const auto& [key, text] : parameters) {
    if (key == name) return &text;
  }
  return nullptr;
}

std::optional<HeaderValue> parse_header_value(std::string_view text) {
  HeaderValue header;
  const std::string_view value = text.substr(0, text.find(';'));
  header.value = to_lower_ascii(trim(value));
  text.remove_prefix(value.size());
  while (!text.empty()) {
    text.remove_prefix(1);  // The semicolon.
    text = trim(text);
    if (text.empty()) break;
    if (text.starts_with(';')) continue;
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    std::string name = to_lower_ascii(trim(text.substr(0, equals)));
    text = trim(text.substr(equals + 1));
    auto content = take_parameter_value(text);
    text = trim(text);
    const bool ends = text.empty() || text.starts_with(';');
    if (name.empty() || !content || !ends || header.find(name) != nullptr) return std::nullopt;
    header.parameters.emplace_back(std::move(name), *std::move(content));
  }
  return header;
}

}  // namespace rage::payload::detail
