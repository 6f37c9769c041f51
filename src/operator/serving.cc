#include "operator/serving.h"

#include <utility>

#include "apis/kinds.h"
#include "base/check.h"
#include "operator/detail/serving_adoption.h"
#include "operator/detail/serving_pod.h"

namespace rage::op {
namespace {

Json metadata_of(const ServingRequest& request, const ResourceType& type) {
  Json object = object_of(type, request.workspace.meta.key());
  set_owner(object, apis::workspace_type(), request.workspace.meta);
  if (!request.revision.empty())
    object["metadata"]["annotations"][std::string(detail::kRevisionAnnotation)] = request.revision;
  return object;
}

Json weights_claim(const ServingRequest& request) {
  Json claim;
  claim["metadata"] = {{"name", detail::kWeightsVolume},
                       {"labels", {{detail::kWorkspaceLabel, request.workspace.meta.name}}}};
  claim["spec"]["accessModes"] = Json::array({"ReadWriteOnce"});
  claim["spec"]["storageClassName"] = "kaito-local-nvme-disk";
  claim["spec"]["resources"]["requests"]["storage"] = catalog::disk_requirement(*request.model);
  return claim;
}

Result<Json> preset_template(const ServingRequest& request) {
  Json pod;
  if (detail::runtime_of(request) == Runtime::kLlamaCpp) {
    ASSIGN_OR_RETURN(pod, detail::llamacpp_pod(request));
  } else {
    ASSIGN_OR_RETURN(pod, detail::preset_pod(request));
  }
  Json labels = detail::selector_labels(request.workspace);
  if (request.weights != nullptr && request.weights->streamed())
    labels["azure.workload.identity/use"] = "true";
  return Json{{"metadata", {{"labels", std::move(labels)}}}, {"spec", std::move(pod)}};
}

Json service_port(std::string_view name, int port, int target) {
  return {{"name", name}, {"protocol", "TCP"}, {"port", port}, {"targetPort", target}};
}

Json service_ports(const ServingRequest& request, bool external) {
  const Runtime runtime = detail::runtime_of(request);
  Json ports = Json::array();
  ports.push_back(service_port("http", 80, detail::kServicePort));
  if (runtime == Runtime::kLlamaCpp) return ports;
  for (const auto& [name, port] :
       {std::pair("ray", detail::kRayPort), std::pair("dashboard", detail::kRayDashboardPort)}) {
    ports.push_back(service_port(name, port, port));
  }
  if (runtime == Runtime::kVllm && !external)
    ports.push_back(service_port("kv-events", detail::kKvEventsPort, detail::kKvEventsPort));
  return ports;
}

}  // namespace

Result<Json> render_stateful_set(const ServingRequest& given, const Json& observed) {
  ServingRequest request = given;
  // The claim template cannot be added to or taken from a set that exists.
  if (observed.is_object()) {
    const bool has_claim = detail::has_weights_claim(observed);
    request.nvme_class_exists = has_claim;
    request.gpu.nvme = has_claim;
  }
  const std::string& name = request.workspace.meta.name;
  const bool is_preset = detail::inference_of(request).preset.has_value();
  Json pods;
  if (is_preset) {
    ASSIGN_OR_RETURN(pods, preset_template(request));
  } else {
    ASSIGN_OR_RETURN(pods, detail::merged_template(request));
  }
  Json set = metadata_of(request, apis::builtin_type("StatefulSet"));
  if (request.weights != nullptr)
    set["metadata"]["annotations"][std::string(kMirrorAnnotation)] = request.weights->mirror;
  Json& spec = set["spec"];
  spec["replicas"] = request.nodes;
  spec["serviceName"] = name + "-headless";
  // Pods of a template may depend on each other's order, as in any StatefulSet.
  if (is_preset) spec["podManagementPolicy"] = "Parallel";
  spec["selector"]["matchLabels"] = detail::selector_labels(request.workspace);
  spec["template"] = std::move(pods);
  if (is_preset) {
    if (detail::wants_weights_claim(request))
      spec["volumeClaimTemplates"] = Json::array({weights_claim(request)});
    spec["persistentVolumeClaimRetentionPolicy"] = {{"whenDeleted", "Delete"},
                                                    {"whenScaled", "Retain"}};
  }
  detail::adopt(request, observed, set);
  return set;
}

std::vector<Json> render_services(const ServingRequest& request) {
  const ObjectMeta& meta = request.workspace.meta;
  const ResourceType& type = apis::builtin_type("Service");
  const bool external = meta.annotation("kaito.sh/enablelb") == "True";
  Json service = object_of(type, meta.key());
  set_owner(service, apis::workspace_type(), meta);
  service["spec"] = {{"type", external ? "LoadBalancer" : "ClusterIP"},
                     {"publishNotReadyAddresses", true},
                     {"ports", service_ports(request, external)}};
  // Pod 0 leads; the others have no API.
  service["spec"]["selector"] = {{detail::kWorkspaceLabel, meta.name},
                                 {"statefulset.kubernetes.io/pod-name", meta.name + "-0"}};

  Json headless = object_of(type, {.ns = meta.ns, .name = meta.name + "-headless"});
  set_owner(headless, apis::workspace_type(), meta);
  headless["spec"] = {{"clusterIP", "None"}, {"publishNotReadyAddresses", true}};
  headless["spec"]["selector"] = {{detail::kWorkspaceLabel, meta.name}};
  std::vector<Json> services;
  services.push_back(std::move(service));
  services.push_back(std::move(headless));
  return services;
}

}  // namespace rage::op
