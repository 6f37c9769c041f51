#include "routing/inference_pool.h"

#include <algorithm>

#include "base/strings.h"
#include "routing/detail/find_given.h"
#include "routing/subset.h"

namespace rage::routing {
namespace {

using detail::find_given;

using codec::find_key;
using codec::Json;
using codec::string_or;

constexpr std::size_t kSelectorMax = 64;
constexpr std::size_t kTargetPortsMax = 8;
constexpr std::string_view kActivePorts = "llm-d.ai/active-ports";
constexpr std::string_view kActivePortsLegacy = "inference.networking.k8s.io/active-ports";

std::unexpected<Error> bad_pool(std::string_view field, std::string_view why) {
  return fail(ErrorCode::kInvalidArgument, "InferencePool: {}: {}", field, why);
}

Result<std::uint16_t> read_port(const Json& holder, std::string_view field) {
  const Json* number = find_given(holder, "number");
  if (number == nullptr || !number->is_number_integer())
    return bad_pool(field, "number is required");
  const auto port = number->get<std::int64_t>();
  if (port < 1 || port > 65'535) return bad_pool(field, "number must be in 1..65535");
  return static_cast<std::uint16_t>(port);
}

// A string that may be absent.
Result<std::string> read_text(const Json& object, std::string_view key, std::string_view fallback) {
  const Json* value = find_given(object, key);
  if (value == nullptr) return std::string(fallback);
  if (!value->is_string()) return bad_pool(key, "must be a string");
  return value->get<std::string>();
}

Result<LabelMap> read_selector(const Json& spec) {
  const Json* selector = find_given(spec, "selector");
  const Json* labels = selector == nullptr ? nullptr : find_given(*selector, "matchLabels");
  if (labels == nullptr || !labels->is_object()) {
    return bad_pool("spec.selector.matchLabels", "is required");
  }
  if (labels->empty() || labels->size() > kSelectorMax) {
    return bad_pool("spec.selector.matchLabels", "must have 1 to 64 entries");
  }
  LabelMap out;
  for (const auto& [key, value] : labels->items()) {
    if (!value.is_string()) return bad_pool("spec.selector.matchLabels", "values must be strings");
    out.emplace(key, value.get<std::string>());
  }
  return out;
}

Result<std::vector<std::uint16_t>> read_target_ports(const Json& spec) {
  const Json* ports = find_given(spec, "targetPorts");
  if (ports == nullptr || !ports->is_array()) return bad_pool("spec.targetPorts", "is required");
  if (ports->empty() || ports->size() > kTargetPortsMax) {
    return bad_pool("spec.targetPorts", "must have 1 to 8 entries");
  }
  std::vector<std::uint16_t> out;
  for (const Json& port : *ports) {
    ASSIGN_OR_RETURN(const std::uint16_t number, read_port(port, "spec.targetPorts"));
    if (std::find(out.begin(), out.end(), number) != out.end()) {
      return bad_pool("spec.targetPorts", "port numbers must be unique");
    }
    out.push_back(number);
  }
  return out;
}

Result<AppProtocol> read_app_protocol(const Json& spec) {
  ASSIGN_OR_RETURN(const std::string text, read_text(spec, "appProtocol", "http"));
  if (text == "http") return AppProtocol::kHttp;
  if (text == "kubernetes.io/h2c") return AppProtocol::kH2c;
  return bad_pool("spec.appProtocol", "must be http or kubernetes.io/h2c");
}

Result<std::optional<EndpointPickerRef>> read_picker(const Json& spec) {
  constexpr std::string_view kField = "spec.endpointPickerRef";
  const Json* ref = find_given(spec, "endpointPickerRef");
  if (ref == nullptr) return std::optional<EndpointPickerRef>();
  if (!ref->is_object()) return bad_pool(kField, "must be an object");
  EndpointPickerRef out;
  ASSIGN_OR_RETURN(out.group, read_text(*ref, "group", ""));
  ASSIGN_OR_RETURN(out.kind, read_text(*ref, "kind", "Service"));
  ASSIGN_OR_RETURN(out.name, read_text(*ref, "name", ""));
  if (out.name.empty()) return bad_pool(kField, "name is required");
  if (const Json* port = find_given(*ref, "port")) {
    ASSIGN_OR_RETURN(out.port, read_port(*port, "spec.endpointPickerRef.port"));
  } else if (out.kind == "Service") {
    return bad_pool(kField, "port is required for a Service");
  }
  ASSIGN_OR_RETURN(const std::string mode, read_text(*ref, "failureMode", "FailClose"));
  if (mode != "FailClose" && mode != "FailOpen") {
    return bad_pool("spec.endpointPickerRef.failureMode", "must be FailClose or FailOpen");
  }
  out.failure_mode = mode == "FailOpen" ? FailureMode::kOpen : FailureMode::kClose;
  return std::optional<EndpointPickerRef>(std::move(out));
}

std::string metadata_text(const Json& object, std::string_view key) {
  const Json* metadata = find_key(object, "metadata");
  return metadata == nullptr ? std::string() : string_or(*metadata, key, "");
}

// None: no annotation, so all ports are active.
std::optional<std::vector<std::uint64_t>> active_ports(const Json& pod) {
  const Json* metadata = find_key(pod, "metadata");
  const Json* annotations = metadata == nullptr ? nullptr : find_key(*metadata, "annotations");
  if (annotations == nullptr) return std::nullopt;
  const Json* list = find_key(*annotations, kActivePorts);
  if (list == nullptr) list = find_key(*annotations, kActivePortsLegacy);
  if (list == nullptr || !list->is_string()) return std::nullopt;
  std::vector<std::uint64_t> ports;
  const std::string text = list->get<std::string>();
  for (const std::string_view part : split(text, ',')) {
    if (const auto port = parse_uint(trim(part))) ports.push_back(*port);
  }
  return ports;
}

}  // namespace

Result<InferencePool> parse_inference_pool(const Json& object) {
  if (!object.is_object()) return bad_pool("document", "must be an object");
  const std::string version = string_or(object, "apiVersion", "");
  if (version != std::string(kPoolGroup) + "/v1" || string_or(object, "kind", "") != kPoolKind) {
    return bad_pool("apiVersion, kind", "must be inference.networking.k8s.io/v1, InferencePool");
  }
  InferencePool pool{.name_space = metadata_text(object, "namespace"),
                     .name = metadata_text(object, "name"),
                     .selector = {},
                     .target_ports = {}};
  if (pool.name.empty()) return bad_pool("metadata.name", "is required");
  if (pool.name_space.empty()) pool.name_space = "default";
  const Json* spec = find_given(object, "spec");
  if (spec == nullptr || !spec->is_object()) return bad_pool("spec", "is required");
  ASSIGN_OR_RETURN(pool.selector, read_selector(*spec));
  ASSIGN_OR_RETURN(pool.target_ports, read_target_ports(*spec));
  ASSIGN_OR_RETURN(pool.app_protocol, read_app_protocol(*spec));
  ASSIGN_OR_RETURN(pool.picker, read_picker(*spec));
  return pool;
}

LabelMap labels_of(const Json& object) {
  LabelMap out;
  const Json* metadata = find_key(object, "metadata");
  const Json* labels = metadata == nullptr ? nullptr : find_key(*metadata, "labels");
  if (labels == nullptr || !labels->is_object()) return out;
  for (const auto& [key, value] : labels->items()) {
    if (value.is_string()) out.emplace(key, value.get<std::string>());
  }
  return out;
}

bool selects(const LabelMap& selector, const LabelMap& labels) {
  return std::all_of(selector.begin(), selector.end(), [&](const auto& wanted) {
    const auto found = labels.find(wanted.first);
    return found != labels.end() && found->second == wanted.second;
  });
}

bool is_serving(const Json& pod) {
  const Json* metadata = find_key(pod, "metadata");
  if (metadata != nullptr && find_given(*metadata, "deletionTimestamp") != nullptr) return false;
  const Json* status = find_key(pod, "status");
  if (status == nullptr || !parse_ip_address(string_or(*status, "podIP", ""))) return false;
  const Json* conditions = find_key(*status, "conditions");
  if (conditions == nullptr || !conditions->is_array()) return false;
  return std::any_of(conditions->begin(), conditions->end(), [](const Json& condition) {
    return string_or(condition, "type", "") == "Ready" &&
           string_or(condition, "status", "") == "True";
  });
}

std::vector<Endpoint> endpoints_of_pod(const InferencePool& pool, const Json& pod) {
  std::vector<Endpoint> endpoints;
  if (metadata_text(pod, "namespace") != pool.name_space || !is_serving(pod)) return endpoints;
  const LabelMap labels = labels_of(pod);
  if (!selects(pool.selector, labels)) return endpoints;
  const std::string address = string_or(*find_key(pod, "status"), "podIP", "");
  const std::optional<std::vector<std::uint64_t>> active = active_ports(pod);
  for (std::uint32_t rank = 0; rank < pool.target_ports.size(); ++rank) {
    const std::uint16_t port = pool.target_ports[rank];
    if (active && std::find(active->begin(), active->end(), port) == active->end()) continue;
    endpoints.push_back({.name_space = pool.name_space,
                         .pod = metadata_text(pod, "name"),
                         .rank = rank,
                         .address = address,
                         .port = port,
                         .labels = labels});
  }
  return endpoints;
}

}  // namespace rage::routing
