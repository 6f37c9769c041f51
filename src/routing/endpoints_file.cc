#include "routing/endpoints_file.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/strings.h"
#include "codec/yaml.h"
#include "routing/subset.h"

namespace rage::routing {
namespace {

using codec::find_key;
using codec::Json;

std::unexpected<Error> bad(std::size_t index, std::string_view why) {
  return fail(ErrorCode::kInvalidArgument, "endpoints[{}]: {}", index, why);
}

// "8000" and 8000.
std::optional<std::uint16_t> read_port(const Json& value) {
  std::optional<std::uint64_t> port;
  if (value.is_number_integer() && value.get<std::int64_t>() > 0) port = value.get<std::uint64_t>();
  if (value.is_string()) port = parse_uint(value.get<std::string>());
  if (!port || *port == 0 || *port > 65'535) return std::nullopt;
  return static_cast<std::uint16_t>(*port);
}

std::optional<std::string> read_string(const Json& value) {
  if (!value.is_string() || value.get<std::string>().empty()) return std::nullopt;
  return value.get<std::string>();
}

Result<Endpoint> read_endpoint(const Json& entry, std::size_t index) {
  if (!entry.is_object()) return bad(index, "must be an object");
  Endpoint out{.name_space = "default", .pod = {}, .rank = 0, .address = {}, .port = 0};
  for (const auto& [key, value] : entry.items()) {
    if (key == "name" || key == "namespace" || key == "address") {
      std::optional<std::string> text = read_string(value);
      if (!text) return bad(index, key + " must be a text");
      std::string& field = key == "name"      ? out.pod
                           : key == "address" ? out.address
                                              : out.name_space;
      field = *std::move(text);
    } else if (key == "port") {
      const std::optional<std::uint16_t> port = read_port(value);
      if (!port) return bad(index, "port must be in 1..65535");
      out.port = *port;
    } else if (key == "labels") {
      if (!value.is_object()) return bad(index, "labels must be an object");
      for (const auto& [label, text] : value.items()) {
        if (!text.is_string()) return bad(index, "the values of labels must be strings");
        out.labels.insert_or_assign(label, text.get<std::string>());
      }
    } else {
      return bad(index, "unknown field \"" + key.substr(0, 100) + "\"");
    }
  }
  if (out.pod.empty()) return bad(index, "name is required");
  if (out.port == 0) return bad(index, "port is required");
  if (!parse_ip_address(out.address)) return bad(index, "address must be a literal IP address");
  return out;
}

}  // namespace

Result<std::vector<Endpoint>> parse_endpoints_file(std::string_view text) {
  ASSIGN_OR_RETURN(const Json document,
                   codec::parse_yaml(text, {.bytes_max = kEndpointsFileBytesMax}));
  const Json* list = find_key(document, "endpoints");
  if (list == nullptr || !list->is_array() || document.size() != 1) {
    return fail(ErrorCode::kInvalidArgument, "need one field, \"endpoints\", with a list");
  }
  std::vector<Endpoint> endpoints;
  std::map<std::pair<std::string, std::string>, std::size_t> places;
  for (std::size_t i = 0; i < list->size(); ++i) {
    ASSIGN_OR_RETURN(Endpoint endpoint, read_endpoint((*list)[i], i));
    const auto [place, is_new] =
        places.try_emplace({endpoint.name_space, endpoint.pod}, endpoints.size());
    if (is_new) {
      endpoints.push_back(std::move(endpoint));
    } else {
      endpoints[place->second] = std::move(endpoint);
    }
  }
  return endpoints;
}

}  // namespace rage::routing
