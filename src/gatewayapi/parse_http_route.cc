#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "gatewayapi/detail/parts.h"
#include "gatewayapi/durations.h"

namespace rage::gatewayapi {
namespace {

using detail::kNameBytesMax;
using detail::Reader;

constexpr std::size_t kPathBytesMax = 1024;

bool is_plain_path(std::string_view text) {
  constexpr std::string_view kMarks = "-/._~!$&'()*+,;=:@";
  const auto is_hex = [](char c) {
    return is_ascii_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (i + 2 >= text.size() || !is_hex(text[i + 1]) || !is_hex(text[i + 2])) return false;
      i += 2;
    } else if (!is_ascii_alpha(text[i]) && !is_ascii_digit(text[i]) && !kMarks.contains(text[i])) {
      return false;
    }
  }
  return true;
}

// Of Exact and PathPrefix: a path that no client can send is a mistake.
void check_path(const Reader& fields, std::string_view path) {
  constexpr std::array<std::string_view, 5> kRefused = {"//", "/./", "/../", "%2f", "%2F"};
  if (!path.starts_with('/')) fields.refuse("value", "must start with '/'");
  for (const std::string_view part : kRefused) {
    if (path.contains(part)) fields.refuse("value", fmt::format("must not contain '{}'", part));
  }
  if (path.ends_with("/..") || path.ends_with("/.")) {
    fields.refuse("value", "must not end with '/.' or '/..'");
  }
  if (!is_plain_path(path)) fields.refuse("value", "has characters that a path cannot have");
}

PathMatch read_path(const Reader& match) {
  const Reader fields = match.child("path");
  PathMatch path{.value = fields.text("value", kPathBytesMax, "/")};
  const std::string type = fields.text("type", kNameBytesMax, "PathPrefix");
  if (type == "Exact") {
    path.kind = PathKind::kExact;
  } else if (type == "RegularExpression") {
    path.kind = PathKind::kRegularExpression;
    path.regex = detail::read_regex(fields, "value", path.value);
    return path;
  } else if (type != "PathPrefix") {
    fields.refuse("type",
                  fmt::format("'{}' is not one of Exact, PathPrefix, RegularExpression", type));
  }
  check_path(fields, path.value);
  return path;
}

RouteMatch read_match(const Reader& item) {
  constexpr std::array<std::string_view, 9> kMethods = {
      "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};
  RouteMatch match{
      .path = read_path(item),
      .method = item.text("method", kNameBytesMax),
      .headers = detail::read_value_matches(item, "headers", 4096, detail::NameCase::kLower),
      .query = detail::read_value_matches(item, "queryParams", 1024, detail::NameCase::kAsWritten)};
  if (!match.method.empty() && std::ranges::find(kMethods, match.method) == kMethods.end()) {
    item.refuse("method", fmt::format("'{}' is not a method; they are upper case", match.method));
  }
  return match;
}

std::optional<std::chrono::milliseconds> read_duration(const Reader& fields, std::string_view key) {
  const std::optional<std::string> text = fields.optional_text(key, 64);
  if (!text) return std::nullopt;
  const std::optional<std::chrono::milliseconds> duration = parse_duration(*text);
  if (!duration) {
    fields.refuse(key, fmt::format("'{}' is not a duration such as 10s, 1m30s or 500ms", *text));
  }
  return duration;
}

void read_timeouts(const Reader& fields, RouteRule& rule) {
  const Reader timeouts = fields.child("timeouts");
  rule.request_timeout = read_duration(timeouts, "request");
  rule.backend_timeout = read_duration(timeouts, "backendRequest");
  if (rule.request_timeout && rule.backend_timeout && rule.request_timeout->count() != 0 &&
      *rule.backend_timeout > *rule.request_timeout) {
    timeouts.refuse("backendRequest", "must not be longer than request");
  }
  const Reader retry = fields.child("retry");
  if (!retry.exists()) return;
  constexpr std::int64_t kAttemptsMax = 100;
  rule.retry =
      Retry{.codes = {},
            .attempts =
                static_cast<std::uint32_t>(retry.integer("attempts", 0, kAttemptsMax).value_or(1)),
            .backoff = read_duration(retry, "backoff").value_or(std::chrono::milliseconds(0))};
  const Json* codes = retry.find("codes");
  if (codes == nullptr) return;
  const bool valid = codes->is_array() && codes->size() <= 200 &&
                     std::ranges::all_of(*codes, [](const Json& code) {
                       return code.is_number_integer() && code >= 400 && code <= 599;
                     });
  if (!valid) retry.refuse("codes", "must be a list of status codes from 400 to 599");
  for (const Json& code : valid ? *codes : Json::array()) rule.retry->codes.push_back(code);
}

const PathEdit* path_edit_of(const RouteFilter& filter) {
  if (const auto* redirect = std::get_if<Redirect>(&filter.what)) {
    return redirect->path ? &*redirect->path : nullptr;
  }
  const auto* rewrite = std::get_if<Rewrite>(&filter.what);
  return rewrite != nullptr && rewrite->path ? &*rewrite->path : nullptr;
}

void check_rule(const Reader& fields, const RouteRule& rule) {
  const auto replaces_prefix = [](const RouteFilter& filter) {
    const PathEdit* edit = path_edit_of(filter);
    return edit != nullptr && edit->kind == PathEdit::Kind::kReplacePrefixMatch;
  };
  const bool one_prefix =
      rule.matches.size() == 1 && rule.matches[0].path.kind == PathKind::kPrefix;
  const bool replaces = std::ranges::any_of(rule.filters, replaces_prefix) ||
                        std::ranges::any_of(rule.backends, [&](const BackendRef& backend) {
                          return std::ranges::any_of(backend.filters, replaces_prefix);
                        });
  if (replaces && !one_prefix) {
    fields.refuse("filters", "ReplacePrefixMatch needs exactly one match, of type PathPrefix");
  }
  const bool redirects = std::ranges::any_of(rule.filters, [](const RouteFilter& filter) {
    return std::holds_alternative<Redirect>(filter.what);
  });
  if (redirects && !rule.backends.empty()) {
    fields.refuse("backendRefs", "must be empty with a RequestRedirect", "IncompatibleFilters");
  }
}

RouteRule read_http_rule(const Reader& item, Route& route) {
  RouteRule rule;
  const Reader fields = item.reporting_to(&rule.problems);
  const detail::FilterContext context{.name_space = route.meta.name.name_space};
  rule.name = fields.text("name", kNameBytesMax);
  for (const Reader& match : fields.items("matches", detail::kMatchesMax)) {
    rule.matches.push_back(read_match(match));
  }
  if (rule.matches.empty()) rule.matches.emplace_back();  // Every request.
  rule.filters = detail::read_filters(fields, context, rule.unknown_filter);
  rule.backends = detail::read_backends(fields, context);
  read_timeouts(fields, rule);
  check_rule(fields, rule);
  if (fields.find("sessionPersistence") != nullptr) {
    route.notices.push_back(fmt::format("{}.sessionPersistence is ignored", item.path()));
  }
  return rule;
}

}  // namespace

Result<Route> parse_http_route(const Json& document) {
  ASSIGN_OR_RETURN(Route route, detail::read_route_frame(document, Route::Kind::kHttp));
  const Reader spec = Reader(&document, "", &route.problems).child("spec");
  for (const Reader& item : spec.items("rules", detail::kRulesMax)) {
    route.rules.push_back(read_http_rule(item, route));
  }
  if (spec.find("rules") == nullptr) {
    route.rules.emplace_back().matches.emplace_back();  // The API's default.
  }
  detail::check_rules(route);
  return route;
}

}  // namespace rage::gatewayapi
