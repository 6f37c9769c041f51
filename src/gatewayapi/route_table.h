// Which rule of which HTTPRoute answers a request: Gateway API v1 matching and precedence
// (https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule). Pure.
//
// Where the API leaves a choice, ours is:
// - a more specific hostname comes first, but a request that none of its rules match goes on to
//   less specific hostnames of the same listener;
// - path matches by regular expression lie between Exact and PathPrefix, longer patterns first;
// - the ignored trailing '/' of a prefix does not count as a character of it;
// - regular expressions (RE2) match the whole value.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "gatewayapi/route_match.h"

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
  bool h2c = false;                    // It speaks HTTP/2 in clear text (appProtocol).
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
  bool grpc = false;  // Of a GRPCRoute: refusals are gRPC statuses (UNAVAILABLE instead of 500).
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
  // Of the rule, for ReplacePrefixMatch: without its trailing '/', but "/" stays. Empty: none.
  std::string_view matched_prefix;
};

// Value, immutable once made; shared by all threads. One for each listener.
class RouteTable {
 public:
  virtual ~RouteTable() = default;
  // None: 404.
  virtual std::optional<Match> match(const RequestHead& request) const = 0;
};

struct RoutedRule {
  std::shared_ptr<const Rule> rule;
  std::vector<RouteMatch> matches;  // Any of them; none of them: never.
};

// A route as it is attached to one listener. Its rules are shared by all listeners it is attached
// to.
struct RoutedRoute {
  ObjectName name;
  std::optional<std::int64_t> created_at;  // Unix seconds; none: younger than any.
  std::vector<std::string> hostnames;      // Those that intersect the listener's; empty: any.
  std::shared_ptr<const std::vector<RoutedRule>> rules;
};

// `listener_hostname`: requests for other hosts get none; empty: any host.
std::shared_ptr<const RouteTable> build_route_table(std::span<const RoutedRoute> routes,
                                                    std::string_view listener_hostname = {});

// By weight; `random` is uniform in [0, 1). None: no backend, or all weights are 0 (500).
const Backend* choose_backend(const Rule& rule, double random);

}  // namespace rage::gatewayapi
