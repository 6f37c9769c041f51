#include "gateway/detail/cluster_kinds.h"

#include <iterator>

namespace rage::gateway::detail {
namespace {

using apis::ResourceType;
using codec::Json;

// Of a pod, what makes it an endpoint.
void trim_pod(Json& pod) {
  pod.erase("spec");
  const auto status = pod.find("status");
  if (status == pod.end() || !status->is_object()) return;
  for (auto field = status->begin(); field != status->end();) {
    const bool read = field.key() == "conditions" || field.key() == "podIP" ||
                      field.key() == "podIPs" || field.key() == "phase";
    field = read ? std::next(field) : status->erase(field);
  }
}

ResourceType gateway_kind(const char* kind, const char* plural, const char* version = "v1",
                          bool namespaced = true) {
  return {.group = "gateway.networking.k8s.io",
          .version = version,
          .kind = kind,
          .plural = plural,
          .namespaced = namespaced};
}

ResourceType core_kind(const char* kind, const char* plural, bool namespaced = true) {
  return {.group = "", .version = "v1", .kind = kind, .plural = plural, .namespaced = namespaced};
}

}  // namespace

const std::vector<ClusterKind>& cluster_kinds() {
  static const std::vector<ClusterKind> kKinds = {
      {.type = gateway_kind("GatewayClass", "gatewayclasses", "v1", false), .required = true},
      {.type = gateway_kind("Gateway", "gateways"), .required = true},
      {.type = gateway_kind("HTTPRoute", "httproutes"), .required = true},
      {.type = gateway_kind("GRPCRoute", "grpcroutes")},
      {.type = gateway_kind("ReferenceGrant", "referencegrants", "v1beta1")},
      {.type = core_kind("Service", "services"), .required = true},
      {.type = {.group = "discovery.k8s.io",
                .version = "v1",
                .kind = "EndpointSlice",
                .plural = "endpointslices"},
       .required = true},
      {.type = core_kind("Namespace", "namespaces", false), .required = true},
      {.type = core_kind("Secret", "secrets"),
       .required = true,
       .field_selector = "type=kubernetes.io/tls"},
      {.type = {.group = "inference.networking.k8s.io",
                .version = "v1",
                .kind = "InferencePool",
                .plural = "inferencepools"}},
      {.type = core_kind("Pod", "pods"), .required = true, .trim = trim_pod},
      {.type = {.group = "llm-d.ai",
                .version = "v1alpha2",
                .kind = "InferenceObjective",
                .plural = "inferenceobjectives"}},
      {.type = {.group = "llm-d.ai",
                .version = "v1alpha2",
                .kind = "InferenceModelRewrite",
                .plural = "inferencemodelrewrites"}},
  };
  return kKinds;
}

std::vector<std::string> served_plurals(kube::KubeClient& client, const Context& context,
                                        const ResourceType& type) {
  const std::string path =
      type.group.empty() ? "/api/" + type.version : "/apis/" + type.api_version();
  const auto text = client.get_raw(context, path);
  const auto document = text ? codec::parse_json(*text) : fail(ErrorCode::kNotFound, "");
  const Json* const resources = document ? codec::find_key(*document, "resources") : nullptr;
  std::vector<std::string> plurals;
  if (resources == nullptr || !resources->is_array()) return plurals;
  for (const Json& resource : *resources) {
    plurals.push_back(codec::string_or(resource, "name", ""));
  }
  return plurals;
}

}  // namespace rage::gateway::detail
