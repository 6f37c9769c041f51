// A header's value with parameters: `form-data; name="model"; filename=x`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rage::payload::detail {

// Value.
struct HeaderValue {
  std::string value;                                            // Lower case.
  std::vector<std::pair<std::string, std::string>> parameters;  // Names in lower case.

  // Null: absent. The first, should there be more.
  const std::string* find(std::string_view name) const;
};

// None: a parameter without a name, one that stands twice, or a quoted string that does not end.
std::optional<HeaderValue> parse_header_value(std::string_view text);

}  // namespace rage::payload::detail
