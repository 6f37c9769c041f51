#include "operator/inference_pool.h"

#include <algorithm>

#include "apis/kinds.h"
#include "base/sha256.h"
#include "operator/detail/bounded_name.h"
#include "operator/detail/replica.h"
#include "operator/detail/secure_pod.h"

namespace rage::op {
namespace {

constexpr std::string_view kRbacGroup = "rbac.authorization.k8s.io";
constexpr std::string_view kPluginsKey = "config.yaml";
constexpr int kModelPort = 5000;
constexpr int kPickerPort = 9002;
constexpr int kHealthPort = 9003;
constexpr int kMetricsPort = 9090;

ResourceType rbac_type(const char* kind, const char* plural) {
  return {.group = std::string(kRbacGroup), .version = "v1", .kind = kind, .plural = plural};
}

Json rule(std::string_view group, std::initializer_list<const char*> resources) {
  return {{"apiGroups", Json::array({group})},
          {"resources", Json(std::vector<std::string>(resources.begin(), resources.end()))},
          {"verbs", Json::array({"get", "list", "watch"})}};
}

Json picker_labels(const std::string& name) {
  return {{"app.kubernetes.io/name", "rage-epp"}, {"app.kubernetes.io/instance", name}};
}

Json port(const char* name, int number) {
  return {{"name", name}, {"containerPort", number}, {"protocol", "TCP"}};
}

Json service_port(const char* name, int number) {
  return {{"name", name}, {"port", number}, {"targetPort", number}, {"protocol", "TCP"}};
}

Json health_probe(int period, int failures) {
  return {{"grpc", {{"port", kHealthPort}, {"service", "inference-extension"}}},
          {"periodSeconds", period},
          {"failureThreshold", failures}};
}

Json picker_pod(const PoolRequest& request, const Settings& settings, const std::string& name) {
  Json container = {{"name", "epp"},
                    {"image", settings.rage_image},
                    {"args", Json::array({"epp", "--address", "0.0.0.0", "--pool-name",
                                          inference_pool_name(request.owner), "--pool-namespace",
                                          request.owner.ns,
                                          // Asking the API server takes rights in the whole
                                          // cluster, which a pool's Role cannot give.
                                          "--metrics-endpoint-auth=false"})}};
  container["ports"] = Json::array(
      {port("grpc", kPickerPort), port("grpc-health", kHealthPort), port("metrics", kMetricsPort)});
  container["livenessProbe"] = health_probe(10, 3);
  container["readinessProbe"] = health_probe(5, 2);
  container["resources"]["requests"] = {{"cpu", "100m"}, {"memory", "128Mi"}};
  container["securityContext"] = detail::secure_container_context();
  Json pod = {{"serviceAccountName", name}, {"securityContext", detail::secure_pod_context()}};
  if (!request.plugins.empty()) {
    container["args"].push_back("--config-file");
    container["args"].push_back(fmt::format("/config/{}", kPluginsKey));
    container["volumeMounts"] =
        Json::array({{{"name", "config"}, {"mountPath", "/config"}, {"readOnly", true}}});
    pod["volumes"] = Json::array({{{"name", "config"}, {"configMap", {{"name", name}}}}});
  }
  pod["containers"] = Json::array({std::move(container)});
  return pod;
}

}  // namespace

ResourceType service_account_type() {
  return {.group = "", .version = "v1", .kind = "ServiceAccount", .plural = "serviceaccounts"};
}

std::string inference_pool_name(const ObjectMeta& owner) {
  return detail::bounded_name(owner.name, "-inferencepool");
}

std::string endpoint_picker_name(const ObjectMeta& owner) {
  return detail::bounded_name(owner.name, "-inferencepool-epp");
}

bool wants_inference_pool(const apis::InferenceSet& set, const Settings& settings) {
  if (!settings.inference_extension || !settings.vllm || !set.inference.preset) return false;
  const apis::OwnerReference* owner = set.meta.controller();
  if (owner != nullptr && owner->kind == apis::multi_role_inference_type().kind) return false;
  const auto& annotations = set.template_annotations;
  const auto runtime = annotations.find(std::string(detail::kRuntimeAnnotation));
  const std::string chosen = runtime != annotations.end()
                                 ? runtime->second
                                 : set.meta.annotation(detail::kRuntimeAnnotation);
  return chosen != "transformers";  // It publishes no load.
}

PoolRequest pool_of(const apis::InferenceSet& set) {
  return {.owner_type = apis::inference_set_type(),
          .owner = set.meta,
          .pod_labels = {{std::string(detail::kCreatedBy), set.meta.name}}};
}

std::vector<ApplyObject> render_inference_pool(const PoolRequest& request,
                                               const Settings& settings) {
  const ObjectMeta& owner = request.owner;
  const std::string name = endpoint_picker_name(owner);
  const auto object = [&](const ResourceType& type, const std::string& object_name) {
    Json json = object_of(type, {.ns = owner.ns, .name = object_name});
    json["metadata"]["labels"] = picker_labels(name);
    set_owner(json, request.owner_type, owner);
    return ApplyObject{type, std::move(json)};
  };
  std::vector<ApplyObject> objects;
  objects.push_back(object(service_account_type(), name));
  ApplyObject role = object(rbac_type("Role", "roles"), name);
  role.object["rules"] = Json::array(
      {rule("", {"pods"}), rule("inference.networking.k8s.io", {"inferencepools"}),
       rule("llm-d.ai", {"inferenceobjectives", "inferencemodelrewrites"}),
       rule("inference.networking.x-k8s.io", {"inferenceobjectives", "inferencemodelrewrites"})});
  objects.push_back(std::move(role));
  ApplyObject binding = object(rbac_type("RoleBinding", "rolebindings"), name);
  binding.object["roleRef"] = {{"apiGroup", kRbacGroup}, {"kind", "Role"}, {"name", name}};
  binding.object["subjects"] =
      Json::array({{{"kind", "ServiceAccount"}, {"name", name}, {"namespace", owner.ns}}});
  objects.push_back(std::move(binding));
  ApplyObject service = object(apis::builtin_type("Service"), name);
  service.object["spec"] = {{"selector", picker_labels(name)},
                            {"ports", Json::array({service_port("grpc", kPickerPort),
                                                   service_port("metrics", kMetricsPort)})}};
  // Istio and Envoy Gateway must speak HTTP/2 to it.
  service.object["spec"]["ports"][0]["appProtocol"] = "http2";
  objects.push_back(std::move(service));
  Json metadata = {{"labels", picker_labels(name)}};
  if (!request.plugins.empty()) {
    ApplyObject config = object(apis::builtin_type("ConfigMap"), name);
    config.object["data"] = {{std::string(kPluginsKey), request.plugins}};
    objects.push_back(std::move(config));
    // The picker reads its configuration when it starts.
    metadata["annotations"]["rage.dev/config-hash"] = sha256_hex(request.plugins).substr(0, 16);
  }
  ApplyObject deployment = object(apis::builtin_type("Deployment"), name);
  deployment.object["spec"] = {
      {"replicas", 1},
      {"selector", {{"matchLabels", picker_labels(name)}}},
      {"template",
       {{"metadata", std::move(metadata)}, {"spec", picker_pod(request, settings, name)}}}};
  objects.push_back(std::move(deployment));
  ApplyObject pool = object(apis::builtin_type("InferencePool"), inference_pool_name(owner));
  Json selector = Json::object();
  for (const auto& [key, value] : request.pod_labels) selector[key] = value;
  // Of a replica with several nodes only the first pod answers requests.
  selector["apps.kubernetes.io/pod-index"] = "0";
  pool.object["spec"] = {
      {"selector", {{"matchLabels", std::move(selector)}}},
      {"targetPorts", Json::array({{{"number", kModelPort}}})},
      {"endpointPickerRef", {{"name", name}, {"port", {{"number", kPickerPort}}}}}};
  objects.push_back(std::move(pool));
  return objects;
}

void apply_inference_pool(const PoolRequest& request, const std::vector<Json>& observed,
                          const Settings& settings, std::vector<Change>& changes) {
  for (ApplyObject& wanted : render_inference_pool(request, settings)) {
    const auto meta = apis::parse_meta(wanted.object);
    const auto found = std::ranges::find_if(observed, [&](const Json& object) {
      return codec::string_or(object, "kind", "") == wanted.type.kind &&
             apis::parse_meta(object).name == meta.name;
    });
    plan_apply(changes, wanted.type, std::move(wanted.object),
               found == observed.end() ? Json() : *found);
  }
}

}  // namespace rage::op
