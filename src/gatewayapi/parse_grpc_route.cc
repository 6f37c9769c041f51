// GRPCRoute in terms of paths: "/service/method" is Exact, "/service" a prefix. A method without a
// service and regular expressions of methods, which the API leaves to implementations, are refused.
#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "gatewayapi/detail/parts.h"

namespace rage::gatewayapi {
namespace {

using detail::kNameBytesMax;
using detail::Reader;

constexpr std::size_t kMethodBytesMax = 1024;

bool is_identifier(std::string_view text) {
  return !text.empty() && !is_ascii_digit(text.front()) && std::ranges::all_of(text, [](char c) {
    return is_ascii_alpha(c) || is_ascii_digit(c) || c == '_';
  });
}

PathMatch read_method(const Reader& match) {
  const Reader fields = match.child("method");
  if (!fields.exists()) return {};
  const std::string type = fields.text("type", kNameBytesMax, "Exact");
  const std::string service = fields.text("service", kMethodBytesMax);
  const std::string method = fields.text("method", kMethodBytesMax);
  if (type != "Exact") {
    fields.refuse("type", fmt::format("'{}' is not supported; use Exact", type));
  }
  if (service.empty()) {
    fields.refuse("service", "is required: a method of any service is not supported");
  } else if (!std::ranges::all_of(split(service, '.'), is_identifier)) {
    fields.refuse("service", fmt::format("'{}' is not the name of a gRPC service", service));
  }
  if (!method.empty() && !is_identifier(method)) {
    fields.refuse("method", fmt::format("'{}' is not the name of a gRPC method", method));
  }
  if (method.empty()) return {.kind = PathKind::kPrefix, .value = "/" + service};
  return {.kind = PathKind::kExact, .value = fmt::format("/{}/{}", service, method)};
}

RouteRule read_grpc_rule(const Reader& item, Route& route) {
  RouteRule rule;
  const Reader fields = item.reporting_to(&rule.problems);
  const detail::FilterContext context{.name_space = route.meta.name.name_space,
                                      .kind = Route::Kind::kGrpc};
  rule.name = fields.text("name", kNameBytesMax);
  for (const Reader& match : fields.items("matches", detail::kMatchesMax)) {
    rule.matches.push_back(
        {.path = read_method(match),
         .headers = detail::read_value_matches(match, "headers", 4096, detail::NameCase::kLower)});
  }
  if (rule.matches.empty()) rule.matches.emplace_back();
  rule.filters = detail::read_filters(fields, context, rule.unknown_filter);
  rule.backends = detail::read_backends(fields, context);
  if (fields.find("sessionPersistence") != nullptr) {
    route.notices.push_back(fmt::format("{}.sessionPersistence is ignored", item.path()));
  }
  return rule;
}

}  // namespace

Result<Route> parse_grpc_route(const Json& document) {
  ASSIGN_OR_RETURN(Route route, detail::read_route_frame(document, Route::Kind::kGrpc));
  const Reader spec = Reader(&document, "", &route.problems).child("spec");
  for (const Reader& item : spec.items("rules", detail::kRulesMax)) {
    route.rules.push_back(read_grpc_rule(item, route));
  }
  detail::check_rules(route);
  return route;
}

}  // namespace rage::gatewayapi
