// What a rule asks of a request: path, method, headers and query parameters.
#pragma once

#include <string>
#include <vector>

#include "gatewayapi/regex.h"

namespace rage::gatewayapi {

enum class PathKind { kExact, kPrefix, kRegularExpression };

// Value. The default matches every path.
struct PathMatch {
  PathKind kind = PathKind::kPrefix;
  std::string value = "/";
  Regex regex = {};  // Of `value`, for kRegularExpression.
};

// Value. Of a header or a query parameter.
struct ValueMatch {
  enum class Kind { kExact, kRegularExpression };
  std::string name;  // Of a header: in lower case.
  std::string value;
  Kind kind = Kind::kExact;
  Regex regex = {};  // Of `value`, for kRegularExpression.
};

// Value. All of it has to hold. Names within `headers` and within `query` are unique.
struct RouteMatch {
  PathMatch path = {};
  std::string method = {};  // Empty: any.
  std::vector<ValueMatch> headers = {};
  std::vector<ValueMatch> query = {};
};

}  // namespace rage::gatewayapi
