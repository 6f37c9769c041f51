// Which rule of which HTTPRoute answers a request: Gateway API v1 matching and precedence
// (https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule). Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace rage::gatewayapi {

struct ObjectName {
  std::string name_space;
  std::string name;
  auto operator<=>(const ObjectName&) const = default;
};

// What a rule sends requests to.
struct Backend {
  enum class Kind { kService, kInferencePool, kInvalid };  // kInvalid: 500 for its share.
  Kind kind = Kind::kInvalid;
  ObjectName object;
  std::uint16_t port = 0;  // Services only.
  std::uint32_t weight = 1;
  std::vector<struct Filter> filters;  // Of this backend alone.
};

struct HeaderEdits {
  std::vector<std::pair<std::string, std::string>> set;
  std::vector<std::pair<std::string, std::string>> add;
  std::vector<std::string> remove;
};

struct PathEdit {
  enum class Kind { kReplaceFullPath, kReplacePrefixMatch };
  Kind kind = Kind::kReplaceFullPath;
  std::string value;
};

struct Redirect {
  std::optional<std::string> scheme;
  std::optional<std::string> hostname;
  std::optional<PathEdit> path;
  std::optional<std::uint16_t> port;
  int status = 302;
};

struct Rewrite {
  std::optional<std::string> hostname;
  std::optional<PathEdit> path;
};

struct Mirror {
  Backend backend;
  std::uint32_t numerator = 1;  // Share of requests.
  std::uint32_t denominator = 1;
};

struct RequestHeaderEdits : HeaderEdits {};
struct ResponseHeaderEdits : HeaderEdits {};

struct Filter {
  std::variant<RequestHeaderEdits, ResponseHeaderEdits, Redirect, Rewrite, Mirror> what;
};

struct Retry {
  std::vector<int> codes;
  std::uint32_t attempts = 0;
  std::chrono::milliseconds backoff{0};
};

struct Rule {
  ObjectName route;
  std::string name;  // Optional in the API.
  std::vector<Filter> filters;
  std::vector<Backend> backends;
  std::optional<std::chrono::milliseconds> request_timeout;  // 0: none.
  std::optional<std::chrono::milliseconds> backend_timeout;
  std::optional<Retry> retry;
};

// Views live as long as the call.
struct RequestHead {
  std::string_view host;  // Without port, lower case.
  std::string_view method;
  std::string_view path;   // Without query, as sent.
  std::string_view query;  // Without '?'.
  // First value of a header (name in lower case), empty optional if absent.
  std::function<std::optional<std::string_view>(std::string_view name)> header;
};

struct Match {
  const Rule* rule = nullptr;
  std::string_view matched_prefix;  // Of the rule, for ReplacePrefixMatch; empty: none.
};

// Value, immutable once made; shared by all threads. One for each listener.
class RouteTable {
 public:
  virtual ~RouteTable() = default;
  // None: 404.
  virtual std::optional<Match> match(const RequestHead& request) const = 0;
};

// By weight; `random` is uniform in [0, 1). None: no backend, or all weights are 0 (500).
const Backend* choose_backend(const Rule& rule, double random);

}  // namespace rage::gatewayapi
