#include "cluster/request.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/sha256.h"
#include "base/strings.h"
#include "codec/json.h"
#include "kubeobjects/status.h"

namespace rage::cluster {
namespace {

using codec::Json;
using kubeobjects::bad_request;

std::vector<std::string> segments_of(std::string_view path) {
  std::vector<std::string> segments;
  for (const std::string_view part : split(path, '/')) {
    if (part.empty()) continue;
    auto decoded = codec::percent_decode(part);
    if (!decoded) return {};
    segments.push_back(*std::move(decoded));
  }
  return segments;
}

std::string media_type(std::string_view part) {
  return to_lower_ascii(trim(part.substr(0, part.find(';'))));
}

std::string media_parameter(std::string_view part, std::string_view name) {
  for (const std::string_view piece : split(part, ';')) {
    const std::string_view text = trim(piece);
    if (text.starts_with(name) && text.size() > name.size() && text[name.size()] == '=') {
      return std::string(text.substr(name.size() + 1));
    }
  }
  return "";
}

// Hex: opaque to clients, and free of what a query would have to escape.
std::string to_hex(std::string_view bytes) {
  return rage::to_hex({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

std::optional<std::string> from_hex(std::string_view hex) {
  std::string bytes;
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  if (hex.size() % 2 != 0) return std::nullopt;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const int high = digit(hex[i]);
    const int low = digit(hex[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>(high * 16 + low);
  }
  return bytes;
}

}  // namespace

std::optional<ApiPath> parse_api_path(std::string_view path) {
  std::vector<std::string> segments = segments_of(path);
  ApiPath found;
  std::size_t at = 0;
  if (segments.size() >= 3 && segments[0] == "api") {
    found.version = segments[1];
    at = 2;
  } else if (segments.size() >= 4 && segments[0] == "apis") {
    found.group = segments[1];
    found.version = segments[2];
    at = 3;
  } else {
    return std::nullopt;
  }
  const auto rest = [&] { return segments.size() - at; };
  // A namespace's own subresources have fixed names; anything else there is a kind within it.
  const bool of_namespace = segments[at] == "namespaces" && rest() >= 3 &&
                            segments[at + 2] != "status" && segments[at + 2] != "finalize";
  if (of_namespace) {
    found.ns = segments[at + 1];
    at += 2;
  }
  if (rest() > 3) return std::nullopt;
  found.plural = segments[at];
  if (rest() > 1) found.name = segments[at + 1];
  if (rest() > 2) found.subresource = segments[at + 2];
  return found;
}

Result<Representation> negotiate(std::string_view accept) {
  if (trim(accept).empty()) return Representation{};
  for (const std::string_view part : split(accept, ',')) {
    const std::string type = media_type(part);
    const bool json = type == "application/json" || type == "*/*" || type == "application/*";
    if (!json && type != "application/yaml") continue;
    Representation found{.yaml = type == "application/yaml"};
    const std::string as = media_parameter(part, "as");
    if (as == "Table") {
      found.shape = Shape::kTable;
    } else if (as == "PartialObjectMetadata" || as == "PartialObjectMetadataList") {
      found.shape = Shape::kMetadata;
    } else if (as == "APIGroupDiscoveryList") {
      if (media_parameter(part, "v") != "v2") continue;
      found.aggregated_discovery = true;
    } else if (!as.empty()) {
      continue;
    }
    return found;
  }
  return fail(kubeobjects::status_error(
      {.http_status = 406, .reason = "NotAcceptable"},
      "only the following media types are accepted: application/json, application/yaml"));
}

bool is_true(const codec::QueryParameters& parameters, std::string_view name) {
  const auto value = codec::find_parameter(parameters, name);
  return value && *value != "0" && *value != "false";
}

std::string parameter_or(const codec::QueryParameters& parameters, std::string_view name,
                         std::string_view fallback) {
  return codec::find_parameter(parameters, name).value_or(std::string(fallback));
}

Result<ListQuery> parse_list_query(const codec::QueryParameters& parameters) {
  ListQuery query{.label_selector = parameter_or(parameters, "labelSelector", ""),
                  .field_selector = parameter_or(parameters, "fieldSelector", ""),
                  .resource_version = parameter_or(parameters, "resourceVersion", ""),
                  .resource_version_match = parameter_or(parameters, "resourceVersionMatch", ""),
                  .continuation = parameter_or(parameters, "continue", ""),
                  .watch = is_true(parameters, "watch"),
                  .bookmarks = is_true(parameters, "allowWatchBookmarks"),
                  .initial_events = is_true(parameters, "sendInitialEvents"),
                  .timeout = std::nullopt};
  if (const auto limit = parse_uint(parameter_or(parameters, "limit", ""))) {
    query.limit = static_cast<std::size_t>(*limit);
  }
  if (const auto seconds = parse_uint(parameter_or(parameters, "timeoutSeconds", ""))) {
    query.timeout = std::chrono::seconds(std::min<std::uint64_t>(*seconds, 86'400));
  }
  if (!query.resource_version.empty() && !parse_uint(query.resource_version)) {
    return fail(bad_request(fmt::format(
        "invalid resource version: resourceVersion: Invalid value: \"{0}\": strconv.ParseUint: "
        "parsing \"{0}\": invalid syntax",
        query.resource_version)));
  }
  return query;
}

std::string render_continuation(const Continuation& at) {
  Json json = Json::object();
  json["rv"] = at.version;
  json["ns"] = at.ns;
  json["name"] = at.name;
  return to_hex(codec::render_json(json));
}

Result<Continuation> parse_continuation(std::string_view text) {
  const auto bytes = from_hex(text);
  const auto json = codec::parse_json(bytes.value_or(""), {.bytes_max = 4096, .depth_max = 4});
  const Json* version = json ? codec::find_key(*json, "rv") : nullptr;
  if (version == nullptr || !version->is_number_integer()) {
    return fail(bad_request("invalid continue token: continue key is not valid"));
  }
  return Continuation{.version = version->get<std::int64_t>(),
                      .ns = codec::string_or(*json, "ns", ""),
                      .name = codec::string_or(*json, "name", "")};
}

}  // namespace rage::cluster
