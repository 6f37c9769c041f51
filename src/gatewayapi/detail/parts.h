// Readers of the parts that several kinds share.
#pragma once

#include "gatewayapi/detail/reader.h"
#include "gatewayapi/objects.h"

namespace rage::gatewayapi::detail {

// What the API allows.
inline constexpr std::size_t kRulesMax = 16;
inline constexpr std::size_t kMatchesMax = 64;  // Per rule.
inline constexpr std::size_t kMatchesOfRouteMax = 128;
inline constexpr std::size_t kConditionsMax = 16;  // Headers or parameters of one match.
inline constexpr std::size_t kFiltersMax = 16;
inline constexpr std::size_t kBackendsMax = 16;
inline constexpr std::size_t kParentsMax = 32;
inline constexpr std::size_t kHostnamesMax = 16;
inline constexpr std::size_t kListenersMax = 64;

// The document's metadata; fails without a name.
Result<Meta> read_meta(const Json& document);

// Metadata, parents, hostnames, status: what both kinds of routes have. Rules are the caller's.
Result<Route> read_route_frame(const Json& document, Route::Kind kind);
// After the rules were read: limits over all of them.
void check_rules(Route& route);

struct FilterContext {
  std::string_view name_space;  // Of the route.
  Route::Kind kind = Route::Kind::kHttp;
};
// `unknown` receives the first filter that is an extension.
std::vector<RouteFilter> read_filters(const Reader& owner, const FilterContext& context,
                                      std::string& unknown);
BackendRef read_backend(const Reader& fields, const FilterContext& context);
std::vector<BackendRef> read_backends(const Reader& rule, const FilterContext& context);

// Headers or query parameters; of several with one name the first counts.
enum class NameCase { kAsWritten, kLower };
std::vector<ValueMatch> read_value_matches(const Reader& match, std::string_view key,
                                           std::size_t value_bytes_max, NameCase name_case);
// Refuses what is no regular expression.
Regex read_regex(const Reader& fields, std::string_view key, std::string_view pattern);

}  // namespace rage::gatewayapi::detail
