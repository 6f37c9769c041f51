// Percent-encoding and query strings (RFC 3986; query as application/x-www-form-urlencoded).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rage::codec {

// None if a '%' is not followed by two hex digits.
std::optional<std::string> percent_decode(std::string_view text);
// Everything but unreserved characters is encoded, '/' included.
std::string percent_encode(std::string_view text);

using QueryParameters = std::vector<std::pair<std::string, std::string>>;
// '+' is a space. Parts with a bad escape are kept as they stand.
QueryParameters parse_query(std::string_view query);
std::optional<std::string> find_parameter(const QueryParameters& parameters, std::string_view name);

}  // namespace rage::codec
