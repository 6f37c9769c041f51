#include <algorithm>
#include <utility>

#include "apis/kinds.h"
#include "catalog/gpu.h"
#include "operator/detail/bounded_name.h"
#include "operator/detail/rag_engine_objects.h"
#include "operator/detail/secure_pod.h"
#include "operator/rag_engine_plan.h"

namespace rage::op {

std::string claim_name(const apis::RagEngine& engine) {
  if (!engine.volume) return {};
  if (!engine.volume->claim.empty()) return engine.volume->claim;
  return detail::bounded_name(engine.meta.name, "-data");
}

namespace detail {
namespace {

// A model may have to be fetched before the first answer.
constexpr int kStartSecondsMax = 30 * 60;
constexpr int kProbeSeconds = 5;

Json labels_of(const apis::RagEngine& engine) {
  return {{std::string(kRagEngineLabel), engine.meta.name}};
}

Json health_probe(int period, int timeout, int failures) {
  return {{"httpGet", {{"path", "/health"}, {"port", kRagPort}}},
          {"periodSeconds", period},
          {"timeoutSeconds", timeout},
          {"failureThreshold", failures}};
}

Json mount(std::string_view name, const std::string& path) {
  return {{"name", name}, {"mountPath", path}};
}

Json render_arguments(const apis::RagEngine& engine) {
  Json arguments = {"rag", "--address", "0.0.0.0", "--port", std::to_string(kRagPort)};
  if (!engine.grounding_answers.empty()) {
    arguments.push_back("--answers");
    arguments.push_back(engine.grounding_answers);
  }
  if (!engine.grounding_mode.empty()) {
    arguments.push_back("--grounding-mode");
    arguments.push_back(engine.grounding_mode);
  }
  return arguments;
}

Json render_resources(const apis::RagEngine& engine) {
  Json resources = {{"requests", {{"cpu", "500m"}, {"memory", "512Mi"}}}};
  if (const int gpus = rag_engine_gpus(engine); gpus > 0) {
    resources["requests"]["nvidia.com/gpu"] = std::to_string(gpus);
    resources["limits"]["nvidia.com/gpu"] = std::to_string(gpus);
  }
  return resources;
}

Json render_container(const apis::RagEngine& engine, const Settings& settings) {
  Json container = {{"name", engine.meta.name},
                    {"image", settings.rage_image},
                    {"args", render_arguments(engine)},
                    {"env", render_rag_environment(engine)}};
  container["ports"] =
      Json::array({{{"name", "http"}, {"containerPort", kRagPort}, {"protocol", "TCP"}}});
  container["resources"] = render_resources(engine);
  container["startupProbe"] = health_probe(kProbeSeconds, 2, kStartSecondsMax / kProbeSeconds);
  container["livenessProbe"] = health_probe(10, 5, 6);
  container["readinessProbe"] = health_probe(kProbeSeconds, 2, 2);
  container["securityContext"] = secure_container_context();
  container["volumeMounts"] =
      Json::array({mount("vector-db-storage", mount_path_of(engine)), mount("tmp", "/tmp")});
  if (engine.guardrails_enabled) {
    // A folder, not a single file: only so an edit of the ConfigMap arrives.
    Json policy = mount("guardrails-policy", "/etc/ragengine/guardrails");
    policy["readOnly"] = true;
    container["volumeMounts"].push_back(std::move(policy));
  }
  return container;
}

Json render_volumes(const apis::RagEngine& engine) {
  Json storage = {{"name", "vector-db-storage"}};
  if (const std::string claim = claim_name(engine); !claim.empty()) {
    storage["persistentVolumeClaim"] = {{"claimName", claim}};
  } else {
    storage["emptyDir"] = Json::object();
  }
  Json volumes = Json::array({std::move(storage), {{"name", "tmp"}, {"emptyDir", Json::object()}}});
  if (engine.guardrails_enabled) {
    volumes.push_back(
        {{"name", "guardrails-policy"},
         {"configMap",
          {{"name", guardrails_config_map(engine)},
           {"items", Json::array({{{"key", kGuardrailsKey}, {"path", kGuardrailsKey}}})}}}});
  }
  return volumes;
}

Json render_tolerations() {
  return Json::array(
      {{{"key", "nvidia.com/gpu"}, {"operator", "Exists"}, {"effect", "NoSchedule"}},
       {{"key", "sku"}, {"operator", "Equal"}, {"value", "gpu"}, {"effect", "NoSchedule"}}});
}

// The index is one SQLite database with one writer: with a claim, the old pod must be gone before
// the new one starts. Without one there is nothing to share, but maybe only one node that fits.
Json render_strategy(const apis::RagEngine& engine) {
  if (engine.volume) return {{"type", "Recreate"}};
  return {{"type", "RollingUpdate"}, {"rollingUpdate", {{"maxSurge", 0}, {"maxUnavailable", 1}}}};
}

}  // namespace

int rag_engine_gpus(const apis::RagEngine& engine) {
  if (!engine.local_embedding || !engine.compute) return 0;
  const catalog::GpuSku* sku = catalog::find_sku(engine.compute->instance_type);
  return sku == nullptr ? 0 : sku->gpus;
}

bool makes_claim(const apis::RagEngine& engine) {
  return engine.volume && engine.volume->claim.empty();
}

std::string mount_path_of(const apis::RagEngine& engine) {
  std::string path =
      engine.volume ? engine.volume->mount_path : apis::PersistentVolume{}.mount_path;
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

std::string guardrails_config_map(const apis::RagEngine& engine) {
  if (!engine.guardrails_config_map.empty()) return engine.guardrails_config_map;
  return bounded_name(engine.meta.name, "-guardrails-policy");
}

Json render_rag_deployment(const apis::RagEngine& engine, const apis::StringMap& node_selector,
                           const Settings& settings) {
  Json pod = {{"automountServiceAccountToken", false},
              {"terminationGracePeriodSeconds", 60},
              {"securityContext", secure_pod_context()}};
  pod["containers"] = Json::array({render_container(engine, settings)});
  pod["volumes"] = render_volumes(engine);
  pod["tolerations"] = render_tolerations();
  for (const auto& [key, value] : node_selector) pod["nodeSelector"][key] = value;
  Json object = object_of(apis::builtin_type("Deployment"), engine.meta.key());
  object["metadata"]["labels"] = labels_of(engine);
  set_owner(object, apis::rag_engine_type(), engine.meta);
  object["spec"] = {{"replicas", 1},
                    {"strategy", render_strategy(engine)},
                    {"selector", {{"matchLabels", labels_of(engine)}}}};
  object["spec"]["template"] = {{"metadata", {{"labels", labels_of(engine)}}},
                                {"spec", std::move(pod)}};
  return object;
}

Json render_rag_service(const apis::RagEngine& engine) {
  Json object = object_of(apis::builtin_type("Service"), engine.meta.key());
  set_owner(object, apis::rag_engine_type(), engine.meta);
  const bool balanced = engine.meta.annotation("kaito.sh/enablelb") == "True";
  object["spec"] = {{"type", balanced ? "LoadBalancer" : "ClusterIP"},
                    {"selector", labels_of(engine)}};
  object["spec"]["ports"] = Json::array(
      {{{"name", "http"}, {"port", 80}, {"targetPort", kRagPort}, {"protocol", "TCP"}}});
  return object;
}

Json render_rag_claim(const apis::RagEngine& engine) {
  Json object = object_of(apis::builtin_type("PersistentVolumeClaim"),
                          {.ns = engine.meta.ns, .name = claim_name(engine)});
  object["metadata"]["labels"] = labels_of(engine);
  const std::string size =
      engine.volume && !engine.volume->size.empty() ? engine.volume->size : std::string("10Gi");
  object["spec"] = {{"accessModes", Json::array({"ReadWriteOnce"})},
                    {"resources", {{"requests", {{"storage", size}}}}}};
  return object;
}

Json render_guardrails_copy(const apis::RagEngine& engine, const Json& policy) {
  Json object = object_of(apis::builtin_type("ConfigMap"),
                          {.ns = engine.meta.ns, .name = guardrails_config_map(engine)});
  set_owner(object, apis::rag_engine_type(), engine.meta);
  const Json* data = codec::find_key(policy, "data");
  if (data != nullptr) object["data"] = *data;
  return object;
}

}  // namespace detail
}  // namespace rage::op
