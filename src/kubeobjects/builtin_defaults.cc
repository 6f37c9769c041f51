#include "kubeobjects/builtin_defaults.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/base64.h"
#include "base/strings.h"
#include "kubeobjects/detail/merge_objects.h"
#include "kubeobjects/detail/pod_defaults.h"

namespace rage::kubeobjects {

using detail::fill;
using detail::section;

namespace {

void pod_template_defaults(Json& spec, std::string_view restart_policy) {
  const auto it = spec.find("template");
  if (it == spec.end() || !it->is_object()) return;
  fill(*it, "metadata", Json::object());
  if (const auto pod = it->find("spec"); pod != it->end() && pod->is_object()) {
    fill(*pod, "restartPolicy", restart_policy);
    detail::pod_spec_defaults(*pod);
  }
}

void rolling_update(Json& strategy) {
  fill(strategy, "type", "RollingUpdate");
  if (strategy["type"] != "RollingUpdate") return;
  Json& rolling = section(strategy, "rollingUpdate");
  fill(rolling, "maxUnavailable", "25%");
  fill(rolling, "maxSurge", "25%");
}

void deployment(Json& spec) {
  fill(spec, "replicas", 1);
  fill(spec, "revisionHistoryLimit", 10);
  fill(spec, "progressDeadlineSeconds", 600);
  rolling_update(section(spec, "strategy"));
  pod_template_defaults(spec, "Always");
}

void claim_defaults(Json& spec) {
  fill(spec, "volumeMode", "Filesystem");
}

void stateful_set(Json& spec) {
  fill(spec, "replicas", 1);
  fill(spec, "revisionHistoryLimit", 10);
  fill(spec, "podManagementPolicy", "OrderedReady");
  Json& strategy = section(spec, "updateStrategy");
  fill(strategy, "type", "RollingUpdate");
  if (strategy["type"] == "RollingUpdate") {
    fill(section(strategy, "rollingUpdate"), "partition", 0);
  }
  Json& retention = section(spec, "persistentVolumeClaimRetentionPolicy");
  fill(retention, "whenDeleted", "Retain");
  fill(retention, "whenScaled", "Retain");
  pod_template_defaults(spec, "Always");
  const auto claims = spec.find("volumeClaimTemplates");
  if (claims == spec.end() || !claims->is_array()) return;
  for (Json& claim : *claims) {
    if (!claim.is_object()) continue;
    fill(claim, "apiVersion", "v1");
    fill(claim, "kind", "PersistentVolumeClaim");
    claim_defaults(section(claim, "spec"));
    fill(section(claim, "status"), "phase", "Pending");
  }
}

void daemon_set(Json& spec) {
  fill(spec, "revisionHistoryLimit", 10);
  Json& strategy = section(spec, "updateStrategy");
  fill(strategy, "type", "RollingUpdate");
  if (strategy["type"] == "RollingUpdate") {
    fill(section(strategy, "rollingUpdate"), "maxUnavailable", 1);
    fill(section(strategy, "rollingUpdate"), "maxSurge", 0);
  }
  pod_template_defaults(spec, "Always");
}

void replica_set(Json& spec) {
  fill(spec, "replicas", 1);
  pod_template_defaults(spec, "Always");
}

void job(Json& spec) {
  const bool indexed = codec::string_or(spec, "completionMode", "") == "Indexed";
  if (!spec.contains("completions") && !spec.contains("parallelism")) fill(spec, "completions", 1);
  fill(spec, "parallelism", 1);
  fill(spec, "backoffLimit", indexed && spec.contains("backoffLimitPerIndex") ? 2147483647 : 6);
  fill(spec, "completionMode", "NonIndexed");
  fill(spec, "suspend", false);
  fill(spec, "podReplacementPolicy",
       spec.contains("podFailurePolicy") ? "Failed" : "TerminatingOrFailed");
  fill(spec, "manualSelector", false);
  pod_template_defaults(spec, "Always");
}

void cron_job(Json& spec) {
  fill(spec, "concurrencyPolicy", "Allow");
  fill(spec, "suspend", false);
  fill(spec, "successfulJobsHistoryLimit", 3);
  fill(spec, "failedJobsHistoryLimit", 1);
  const auto it = spec.find("jobTemplate");
  if (it != spec.end() && it->is_object() && it->contains("spec")) {
    fill(*it, "metadata", Json::object());
    pod_template_defaults((*it)["spec"], "Always");
  }
}

void service(Json& spec) {
  fill(spec, "sessionAffinity", "None");
  fill(spec, "type", "ClusterIP");
  if (spec["sessionAffinity"] == "ClientIP") {
    fill(section(section(spec, "sessionAffinityConfig"), "clientIP"), "timeoutSeconds", 10800);
  }
  const bool external = spec["type"] == "ExternalName";
  if (!external) {
    fill(spec, "internalTrafficPolicy", "Cluster");
  }
  if (spec["type"] == "NodePort" || spec["type"] == "LoadBalancer") {
    fill(spec, "externalTrafficPolicy", "Cluster");
  }
  if (spec["type"] == "LoadBalancer") fill(spec, "allocateLoadBalancerNodePorts", true);
  const auto ports = spec.find("ports");
  if (ports == spec.end() || !ports->is_array()) return;
  for (Json& port : *ports) {
    if (!port.is_object()) continue;
    fill(port, "protocol", "TCP");
    const Json* number = codec::find_key(port, "port");
    const Json* target = codec::find_key(port, "targetPort");
    const bool none = target == nullptr || *target == 0 || *target == "";
    if (number == nullptr || !none) continue;
    Json same_port = *number;
    port["targetPort"] = std::move(same_port);
  }
}

void webhooks(Json& object) {
  const auto it = object.find("webhooks");
  if (it == object.end() || !it->is_array()) return;
  for (Json& webhook : *it) {
    if (!webhook.is_object()) continue;
    fill(webhook, "failurePolicy", "Fail");
    fill(webhook, "matchPolicy", "Equivalent");
    fill(webhook, "namespaceSelector", Json::object());
    fill(webhook, "objectSelector", Json::object());
    fill(webhook, "timeoutSeconds", 10);
    const auto rules = webhook.find("rules");
    if (rules != webhook.end() && rules->is_array()) {
      for (Json& rule : *rules) fill(rule, "scope", "*");
    }
    const auto client = webhook.find("clientConfig");
    if (client != webhook.end() && client->contains("service")) {
      fill((*client)["service"], "port", 443);
    }
  }
}

void secret(Json& object) {
  const Json* stated = codec::find_key(object, "stringData");
  if (stated != nullptr && stated->is_object()) {
    const Json plain = *stated;  // A new key moves its siblings.
    const auto encode = [](const std::string&, const Json* before,
                           const Json& value) -> std::optional<Json> {
      if (value.is_string()) return encode_base64(value.get_ref<const std::string&>());
      return before == nullptr ? std::nullopt : std::optional(*before);
    };
    Json& encoded = section(object, "data");
    encoded = detail::merge_objects(encoded, plain, encode);
  }
  object.erase("stringData");
  fill(object, "type", "Opaque");
}

void custom_resource_definition(Json& object) {
  Json& spec = section(object, "spec");
  Json& names = section(spec, "names");
  const std::string kind = codec::string_or(names, "kind", "");
  fill(names, "listKind", kind + "List");
  fill(names, "singular", to_lower_ascii(kind));
  fill(section(spec, "conversion"), "strategy", "None");
}

void role_binding(Json& object) {
  fill(section(object, "roleRef"), "apiGroup", "rbac.authorization.k8s.io");
  const auto subjects = object.find("subjects");
  if (subjects == object.end() || !subjects->is_array()) return;
  for (Json& subject : *subjects) {
    const std::string kind = codec::string_or(subject, "kind", "");
    if (kind == "User" || kind == "Group") fill(subject, "apiGroup", "rbac.authorization.k8s.io");
  }
}

void namespace_defaults(Json& object) {
  Json& metadata = section(object, "metadata");
  const std::string name = codec::string_or(metadata, "name", "");
  if (!name.empty()) section(metadata, "labels")["kubernetes.io/metadata.name"] = name;
  fill(section(object, "spec"), "finalizers", Json::array({"kubernetes"}));
}

void storage_class(Json& object) {
  fill(object, "reclaimPolicy", "Delete");
  fill(object, "volumeBindingMode", "Immediate");
}

void endpoint_slice(Json& object) {
  for (const char* list : {"endpoints", "ports"}) {
    if (!object.contains(list) || !object[list].is_array()) object[list] = Json::array();
  }
  for (Json& endpoint : object["endpoints"]) fill(endpoint, "conditions", Json::object());
  for (Json& port : object["ports"]) {
    fill(port, "name", "");
    fill(port, "protocol", "TCP");
  }
}

void persistent_volume(Json& spec) {
  fill(spec, "persistentVolumeReclaimPolicy", "Retain");
  fill(spec, "volumeMode", "Filesystem");
}

using SpecDefaults = void (*)(Json& spec);
const std::map<std::string, SpecDefaults, std::less<>>& of_specs() {
  static const std::map<std::string, SpecDefaults, std::less<>> table = {
      {"Deployment", deployment},
      {"StatefulSet", stateful_set},
      {"DaemonSet", daemon_set},
      {"ReplicaSet", replica_set},
      {"Job", job},
      {"CronJob", cron_job},
      {"Service", service},
      {"PersistentVolumeClaim", claim_defaults},
      {"Pod", detail::pod_defaults},
      {"PersistentVolume", persistent_volume}};
  return table;
}

const std::map<std::string, SpecDefaults, std::less<>>& of_objects() {
  static const std::map<std::string, SpecDefaults, std::less<>> table = {
      {"Secret", secret},
      {"Namespace", namespace_defaults},
      {"CustomResourceDefinition", custom_resource_definition},
      {"RoleBinding", role_binding},
      {"ClusterRoleBinding", role_binding},
      {"StorageClass", storage_class},
      {"EndpointSlice", endpoint_slice},
      {"ValidatingWebhookConfiguration", webhooks},
      {"MutatingWebhookConfiguration", webhooks}};
  return table;
}

}  // namespace

void fill_in_defaults(const Resource& resource, Json& object) {
  if (resource.origin != SchemaOrigin::kBuiltin || !object.is_object()) return;
  if (const auto it = of_objects().find(resource.kind); it != of_objects().end()) {
    it->second(object);
  }
  if (const auto it = of_specs().find(resource.kind); it != of_specs().end()) {
    it->second(section(object, "spec"));
  }
}

Json initial_status(const Resource& resource, const Json& object) {
  if (resource.origin != SchemaOrigin::kBuiltin || !resource.has_status) return Json();
  Json status = Json::object();
  if (resource.kind == "Pod") {
    status["phase"] = "Pending";
    status["qosClass"] = detail::qos_class(object);
  } else if (resource.kind == "Namespace") {
    status["phase"] = "Active";
  } else if (resource.kind == "PersistentVolumeClaim" || resource.kind == "PersistentVolume") {
    status["phase"] = "Pending";
  } else if (resource.kind == "Service") {
    status["loadBalancer"] = Json::object();
  } else if (resource.kind == "Deployment" || resource.kind == "Job" ||
             resource.kind == "CronJob") {
    return status;
  } else if (resource.kind == "ReplicaSet") {
    status["replicas"] = 0;
  } else if (resource.kind == "PodDisruptionBudget") {
    for (const char* count :
         {"currentHealthy", "desiredHealthy", "disruptionsAllowed", "expectedPods"}) {
      status[count] = 0;
    }
  } else if (resource.kind == "StatefulSet") {
    status["replicas"] = 0;
    status["availableReplicas"] = 0;
  }
  return status;
}

}  // namespace rage::kubeobjects
