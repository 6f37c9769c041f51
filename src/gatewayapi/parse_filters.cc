#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <set>

#include "base/strings.h"
#include "gatewayapi/detail/parts.h"
#include "gatewayapi/hostnames.h"

namespace rage::gatewayapi::detail {
namespace {

constexpr std::size_t kHeaderNameBytesMax = 256;
constexpr std::size_t kHeaderValueBytesMax = 4096;
constexpr std::size_t kPathBytesMax = 1024;

// They frame the message or steer the connection: an edit would let one request pass for two.
constexpr std::array<std::string_view, 8> kFixedHeaders = {
    "connection", "content-length",    "host",    "keep-alive",
    "te",         "transfer-encoding", "trailer", "upgrade"};

bool may_edit(const Reader& fields, std::string_view key, const std::string& name) {
  if (!is_header_name(name) || name.size() > kHeaderNameBytesMax) {
    fields.refuse(key, fmt::format("'{}' is not a header's name", name));
    return false;
  }
  if (std::ranges::find(kFixedHeaders, name) != kFixedHeaders.end()) {
    fields.refuse(key, fmt::format("'{}' cannot be edited{}", name,
                                   name == "host" ? "; use URLRewrite.hostname" : ""));
    return false;
  }
  return true;
}

std::vector<std::pair<std::string, std::string>> read_headers(const Reader& fields,
                                                              std::string_view key) {
  std::vector<std::pair<std::string, std::string>> headers;
  std::set<std::string> seen;
  for (const Reader& item : fields.items(key, kConditionsMax)) {
    std::string name = to_lower_ascii(item.required_text("name", kHeaderNameBytesMax));
    std::string value = item.required_text("value", kHeaderValueBytesMax);
    if (!is_header_value(value)) item.refuse("value", "must not contain control characters");
    if (may_edit(item, "name", name) && seen.insert(name).second) {
      headers.emplace_back(std::move(name), std::move(value));
    }
  }
  return headers;
}

HeaderEdits read_header_edits(const Reader& fields) {
  HeaderEdits edits{.set = read_headers(fields, "set"), .add = read_headers(fields, "add")};
  for (const std::string& name : fields.texts("remove", kConditionsMax)) {
    std::string lower = to_lower_ascii(name);
    if (may_edit(fields, "remove", lower)) edits.remove.push_back(std::move(lower));
  }
  return edits;
}

bool is_path_text(std::string_view text) {
  constexpr std::string_view kMarks = "-/._~!$&'()*+,;=:@%";
  return std::ranges::all_of(
      text, [&](char c) { return is_ascii_alpha(c) || is_ascii_digit(c) || kMarks.contains(c); });
}

std::optional<PathEdit> read_path_edit(const Reader& filter) {
  const Reader fields = filter.child("path");
  if (!fields.exists()) return std::nullopt;
  const std::string type = fields.required_text("type", kNameBytesMax);
  const bool full = type == "ReplaceFullPath";
  if (!full && type != "ReplacePrefixMatch") {
    fields.refuse("type",
                  fmt::format("'{}' is not one of ReplaceFullPath, ReplacePrefixMatch", type));
    return std::nullopt;
  }
  const std::string_view key = full ? "replaceFullPath" : "replacePrefixMatch";
  const std::optional<std::string> value = fields.optional_text(key, kPathBytesMax);
  if (fields.find(key) == nullptr) fields.refuse(key, fmt::format("is required with {}", type));
  if (fields.find(full ? "replacePrefixMatch" : "replaceFullPath") != nullptr) {
    fields.refuse("type", fmt::format("{} does not go with the other replacement", type));
  }
  if (value && !is_path_text(*value)) {
    fields.refuse(key, "must be a path: no '?', '#', spaces or other such characters");
  }
  return PathEdit{
      .kind = full ? PathEdit::Kind::kReplaceFullPath : PathEdit::Kind::kReplacePrefixMatch,
      .value = value.value_or("")};
}

std::optional<std::string> read_hostname(const Reader& fields) {
  std::optional<std::string> hostname = fields.optional_text("hostname", kNameBytesMax);
  if (hostname && !is_hostname(*hostname, Wildcards::kRefused)) {
    fields.refuse("hostname", fmt::format("'{}' is not a hostname in lower case", *hostname));
  }
  return hostname;
}

Redirect read_redirect(const Reader& fields) {
  constexpr std::array<std::int64_t, 5> kStatuses = {301, 302, 303, 307, 308};
  Redirect redirect{.scheme = fields.optional_text("scheme", kNameBytesMax),
                    .hostname = read_hostname(fields),
                    .path = read_path_edit(fields),
                    .port = fields.port("port")};
  if (redirect.scheme && *redirect.scheme != "http" && *redirect.scheme != "https") {
    fields.refuse("scheme", fmt::format("'{}' is not one of http, https", *redirect.scheme));
  }
  const std::int64_t status = fields.integer("statusCode", 100, 599).value_or(302);
  if (std::ranges::find(kStatuses, status) == kStatuses.end()) {
    fields.refuse("statusCode", fmt::format("{} is not one of 301, 302, 303, 307, 308", status));
  }
  redirect.status = static_cast<int>(status);
  return redirect;
}

MirrorSpec read_mirror(const Reader& fields, const FilterContext& context) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int32_t>::max();
  MirrorSpec mirror;
  const Reader backend = fields.child("backendRef");
  if (!backend.exists()) fields.refuse("backendRef", "is required");
  if (backend.exists()) mirror.backend = read_backend(backend, context);
  const std::optional<std::int64_t> percent = fields.integer("percent", 0, 100);
  const Reader fraction = fields.child("fraction");
  if (percent && fraction.exists()) fields.refuse("", "give percent or fraction, not both");
  if (percent) {
    mirror.numerator = static_cast<std::uint32_t>(*percent);
    mirror.denominator = 100;
  }
  if (fraction.exists()) {
    if (fraction.find("numerator") == nullptr) fraction.refuse("numerator", "is required");
    mirror.numerator =
        static_cast<std::uint32_t>(fraction.integer("numerator", 0, kMax).value_or(0));
    mirror.denominator =
        static_cast<std::uint32_t>(fraction.integer("denominator", 1, kMax).value_or(100));
    if (mirror.numerator > mirror.denominator) {
      fraction.refuse("numerator", "must not be greater than the denominator");
    }
  }
  return mirror;
}

struct FilterType {
  std::string_view type;
  std::string_view field;
  bool grpc;  // A GRPCRoute has it as well.
};
constexpr std::array<FilterType, 6> kFilterTypes = {{
    {"RequestHeaderModifier", "requestHeaderModifier", true},
    {"ResponseHeaderModifier", "responseHeaderModifier", true},
    {"RequestMirror", "requestMirror", true},
    {"RequestRedirect", "requestRedirect", false},
    {"URLRewrite", "urlRewrite", false},
    {"ExtensionRef", "extensionRef", true},
}};

std::optional<RouteFilter> read_filter(const Reader& item, const FilterContext& context,
                                       const std::string& type, std::string& unknown) {
  const auto known = std::ranges::find(kFilterTypes, type, &FilterType::type);
  if (known == kFilterTypes.end() || (context.kind == Route::Kind::kGrpc && !known->grpc)) {
    item.refuse("type", fmt::format("'{}' is not a filter that is supported here", type));
    return std::nullopt;
  }
  for (const FilterType& other : kFilterTypes) {
    if (other.field != known->field && item.find(other.field) != nullptr) {
      item.refuse(other.field, fmt::format("does not go with type {}", type));
    }
  }
  const Reader fields = item.child(known->field);
  if (!fields.exists()) {
    item.refuse(known->field, fmt::format("is required with type {}", type));
    return std::nullopt;
  }
  if (type == "RequestHeaderModifier") {
    return RouteFilter{RequestHeaderEdits{read_header_edits(fields)}};
  }
  if (type == "ResponseHeaderModifier") {
    return RouteFilter{ResponseHeaderEdits{read_header_edits(fields)}};
  }
  if (type == "RequestMirror") return RouteFilter{read_mirror(fields, context)};
  if (type == "RequestRedirect") return RouteFilter{read_redirect(fields)};
  if (type == "URLRewrite") {
    return RouteFilter{Rewrite{.hostname = read_hostname(fields), .path = read_path_edit(fields)}};
  }
  if (unknown.empty()) {
    const ObjectReference extension = read_reference(fields, "", "", context.name_space);
    unknown = fmt::format("{}: {} '{}' of group '{}' is not known here", item.path(),
                          extension.kind, extension.object.name, extension.group);
  }
  return std::nullopt;
}

}  // namespace

std::vector<RouteFilter> read_filters(const Reader& owner, const FilterContext& context,
                                      std::string& unknown) {
  std::vector<RouteFilter> filters;
  std::set<std::string> seen;
  for (const Reader& item : owner.items("filters", kFiltersMax)) {
    const std::string type = item.required_text("type", kNameBytesMax);
    if (type.empty()) continue;
    const bool repeatable = type == "RequestMirror" || type == "ExtensionRef";
    if (!seen.insert(type).second && !repeatable) {
      item.refuse("type", fmt::format("{} must not be repeated", type), "IncompatibleFilters");
    }
    if (auto filter = read_filter(item, context, type, unknown)) {
      filters.push_back(*std::move(filter));
    }
  }
  if (seen.contains("RequestRedirect") && seen.contains("URLRewrite")) {
    owner.refuse("filters", "RequestRedirect and URLRewrite cannot be combined",
                 "IncompatibleFilters");
  }
  return filters;
}

BackendRef read_backend(const Reader& fields, const FilterContext& context) {
  constexpr std::int64_t kWeightMax = 1'000'000;
  BackendRef backend;
  backend.target = read_reference(fields, "", "Service", context.name_space);
  backend.port = fields.port("port");
  backend.weight = static_cast<std::uint32_t>(fields.integer("weight", 0, kWeightMax).value_or(1));
  backend.filters = read_filters(fields, context, backend.unknown_filter);
  if (backend.target.group.empty() && backend.target.kind == "Service" &&
      fields.find("port") == nullptr) {
    fields.refuse("port", "is required for a Service");
  }
  return backend;
}

std::vector<BackendRef> read_backends(const Reader& rule, const FilterContext& context) {
  std::vector<BackendRef> backends;
  for (const Reader& item : rule.items("backendRefs", kBackendsMax)) {
    backends.push_back(read_backend(item, context));
  }
  return backends;
}

}  // namespace rage::gatewayapi::detail
