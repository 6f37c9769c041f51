#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/strings.h"
#include "gatewayapi/detail/parts.h"
#include "gatewayapi/hostnames.h"

namespace rage::gatewayapi::detail {
namespace {

ParentRef read_parent(const Reader& item, std::string_view name_space) {
  const ObjectReference target = read_reference(item, kGatewayGroup, "Gateway", name_space);
  return {.group = target.group,
          .kind = target.kind,
          .object = target.object,
          .section_name = item.text("sectionName", kNameBytesMax),
          .port = item.port("port")};
}

// Two references to one object must both name different sections or ports of it.
void check_parents(const Reader& spec, const std::vector<ParentRef>& parents) {
  for (std::size_t i = 0; i < parents.size(); ++i) {
    for (std::size_t j = i + 1; j < parents.size(); ++j) {
      const ParentRef& a = parents[i];
      const ParentRef& b = parents[j];
      if (a.group != b.group || a.kind != b.kind || a.object != b.object) continue;
      const bool same_fields = a.section_name.empty() == b.section_name.empty() &&
                               a.port.has_value() == b.port.has_value();
      if (!same_fields || a == b) {
        spec.refuse(fmt::format("parentRefs[{}]", j),
                    fmt::format("refers to the same {} as parentRefs[{}]; both need different "
                                "values of sectionName or port",
                                a.kind, i));
      }
    }
  }
}

}  // namespace

Result<Route> read_route_frame(const Json& document, Route::Kind kind) {
  Route route;
  route.kind = kind;
  ASSIGN_OR_RETURN(route.meta, read_meta(document));
  const Reader spec = Reader(&document, "", &route.problems).child("spec");
  for (const Reader& item : spec.items("parentRefs", kParentsMax)) {
    route.parents.push_back(read_parent(item, route.meta.name.name_space));
  }
  check_parents(spec, route.parents);
  route.hostnames = spec.texts("hostnames", kHostnamesMax);
  for (std::size_t i = 0; i < route.hostnames.size(); ++i) {
    if (is_hostname(route.hostnames[i], Wildcards::kAllowed)) continue;
    spec.refuse(fmt::format("hostnames[{}]", i),
                fmt::format("'{}' is not a hostname in lower case, with or without '*.' before it",
                            route.hostnames[i].substr(0, kNameBytesMax)));
  }
  if (const Json* status = codec::find_key(document, "status")) route.status = *status;
  return route;
}

void check_rules(Route& route) {
  std::size_t matches = 0;
  std::set<std::string> names;
  for (RouteRule& rule : route.rules) {
    matches += rule.matches.size();
    if (!rule.name.empty() && !names.insert(rule.name).second) {
      rule.problems.push_back(
          {.reason = "UnsupportedValue",
           .message = fmt::format("spec.rules: '{}' names more than one rule", rule.name)});
    }
  }
  if (matches > kMatchesOfRouteMax) {
    route.problems.push_back(
        {.reason = "UnsupportedValue",
         .message = fmt::format("spec.rules: {} matches in all rules; at most {} are allowed",
                                matches, kMatchesOfRouteMax)});
  }
}

Regex read_regex(const Reader& fields, std::string_view key, std::string_view pattern) {
  Result<Regex> regex = Regex::create(pattern);
  if (regex) return *std::move(regex);
  fields.refuse(key, regex.error().message);
  return {};
}

std::vector<ValueMatch> read_value_matches(const Reader& match, std::string_view key,
                                           std::size_t value_bytes_max, NameCase name_case) {
  std::vector<ValueMatch> matches;
  std::set<std::string> seen;
  for (const Reader& item : match.items(key, kConditionsMax)) {
    ValueMatch value{.name = item.required_text("name", 256),
                     .value = item.required_text("value", value_bytes_max)};
    if (!is_header_name(value.name)) {
      item.refuse("name", "must be letters, digits and !#$%&'*+-.^_`|~");
    }
    if (name_case == NameCase::kLower) value.name = to_lower_ascii(value.name);
    const std::string type = item.text("type", kKindBytesMax, "Exact");
    if (type == "RegularExpression") {
      value.kind = ValueMatch::Kind::kRegularExpression;
      value.regex = read_regex(item, "value", value.value);
    } else if (type != "Exact") {
      item.refuse("type", fmt::format("'{}' is not one of Exact, RegularExpression", type));
    }
    if (seen.insert(value.name).second) matches.push_back(std::move(value));
  }
  return matches;
}

}  // namespace rage::gatewayapi::detail
