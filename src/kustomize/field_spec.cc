#include <algorithm>
#include <array>

#include "base/strings.h"
#include "kustomize/detail/field_spec.h"

namespace rage::kustomize {
namespace {

struct Workload {
  const char* group;
  const char* kind;
  const char* pod_template;  // Path of its pod template.
};
constexpr std::array kWorkloads = {
    Workload{"apps", "Deployment", "spec/template"},
    Workload{"apps", "ReplicaSet", "spec/template"},
    Workload{"apps", "DaemonSet", "spec/template"},
    Workload{"apps", "StatefulSet", "spec/template"},
    Workload{"", "ReplicationController", "spec/template"},
    Workload{"batch", "Job", "spec/template"},
    Workload{"batch", "CronJob", "spec/jobTemplate/spec/template"},
};

void walk(Json& node, std::string_view path, bool create, const std::function<void(Json&)>& visit) {
  if (node.is_array()) {
    for (Json& item : node) walk(item, path, create, visit);
    return;
  }
  if (path.empty()) {
    visit(node);
    return;
  }
  if (node.is_null() && create) node = Json::object();
  if (!node.is_object()) return;
  const std::size_t slash = path.find('/');
  std::string key(path.substr(0, slash));
  if (key.ends_with("[]")) key.resize(key.size() - 2);
  const auto it = node.find(key);
  if (it == node.end() && !create) return;
  Json& next = it == node.end() ? (node[key] = nullptr) : *it;
  walk(next, slash == std::string_view::npos ? "" : path.substr(slash + 1), create, visit);
}

// A reference in every place where a pod may have it.
std::vector<FieldSpec> in_pods(const std::vector<std::string>& paths) {
  std::vector<FieldSpec> specs;
  for (const std::string& path : paths) {
    specs.push_back({{"", "v1", "Pod"}, "spec/" + path});
    for (const Workload& workload : kWorkloads) {
      specs.push_back({{workload.group, "", workload.kind},
                       std::string(workload.pod_template) + "/spec/" + path});
    }
  }
  return specs;
}

std::vector<FieldSpec> with(std::vector<FieldSpec> specs, std::vector<FieldSpec> more) {
  specs.insert(specs.end(), more.begin(), more.end());
  return specs;
}

std::vector<FieldSpec> in_containers(const std::vector<std::string>& below,
                                     std::vector<std::string> elsewhere) {
  for (const std::string containers : {"containers/", "initContainers/", "ephemeralContainers/"}) {
    for (const std::string& path : below) elsewhere.push_back(containers + path);
  }
  return in_pods(elsewhere);
}

std::vector<NameReference> default_names() {
  std::vector<NameReference> names;
  names.push_back(
      {{"", "v1", "ConfigMap"},
       in_containers({"env/valueFrom/configMapKeyRef/name", "envFrom/configMapRef/name"},
                     {"volumes/configMap/name", "volumes/projected/sources/configMap/name"})});
  names.push_back({{"", "v1", "Secret"},
                   with(in_containers({"env/valueFrom/secretKeyRef/name", "envFrom/secretRef/name"},
                                      {"volumes/secret/secretName", "imagePullSecrets/name",
                                       "volumes/projected/sources/secret/name",
                                       "volumes/csi/nodePublishSecretRef/name"}),
                        {{{"networking.k8s.io", "", "Ingress"}, "spec/tls/secretName"},
                         {{"networking.k8s.io", "", "Ingress"},
                          "metadata/annotations/ingress.kubernetes.io~1auth-secret"},
                         {{"", "v1", "ServiceAccount"}, "imagePullSecrets/name"},
                         {{"", "v1", "ServiceAccount"}, "secrets/name"}})});
  names.push_back(
      {{"", "v1", "Service"},
       {{{"apps", "", "StatefulSet"}, "spec/serviceName"},
        {{"networking.k8s.io", "", "Ingress"}, "spec/rules/http/paths/backend/service/name"},
        {{"networking.k8s.io", "", "Ingress"}, "spec/defaultBackend/service/name"},
        {{"apiregistration.k8s.io", "", "APIService"}, "spec/service/name"},
        {{"admissionregistration.k8s.io", "", ""}, "webhooks/clientConfig/service/name"}}});
  names.push_back({{"", "v1", "ServiceAccount"},
                   with(in_pods({"serviceAccountName", "serviceAccount"}),
                        {{{"rbac.authorization.k8s.io", "", "RoleBinding"}, "subjects"},
                         {{"rbac.authorization.k8s.io", "", "ClusterRoleBinding"}, "subjects"}})});
  names.push_back(
      {{"", "v1", "PersistentVolumeClaim"}, in_pods({"volumes/persistentVolumeClaim/claimName"})});
  names.push_back(
      {{"", "v1", "PersistentVolume"}, {{{"", "v1", "PersistentVolumeClaim"}, "spec/volumeName"}}});
  names.push_back(
      {{"storage.k8s.io", "", "StorageClass"},
       {{{"", "v1", "PersistentVolume"}, "spec/storageClassName"},
        {{"", "v1", "PersistentVolumeClaim"}, "spec/storageClassName"},
        {{"apps", "", "StatefulSet"}, "spec/volumeClaimTemplates/spec/storageClassName"}}});
  names.push_back({{"scheduling.k8s.io", "", "PriorityClass"}, in_pods({"priorityClassName"})});
  for (const char* kind : {"Role", "ClusterRole"}) {
    names.push_back({{"rbac.authorization.k8s.io", "", kind},
                     {{{"rbac.authorization.k8s.io", "", "RoleBinding"}, "roleRef"},
                      {{"rbac.authorization.k8s.io", "", "ClusterRoleBinding"}, "roleRef"}}});
  }
  for (const Workload& workload : kWorkloads) {
    names.push_back({{workload.group, "", workload.kind},
                     {{{"autoscaling", "", "HorizontalPodAutoscaler"}, "spec/scaleTargetRef"}}});
  }
  return names;
}

FieldSpecs make_defaults() {
  FieldSpecs specs;
  specs.names = default_names();
  specs.prefixes = {{{}, "metadata/name"}};
  specs.labels = {{{}, "metadata/labels", true},
                  {{"", "v1", "Service"}, "spec/selector", true},
                  {{"", "v1", "ReplicationController"}, "spec/selector", true}};
  specs.annotations = {{{}, "metadata/annotations", true}};
  for (const Workload& workload : kWorkloads) {
    const KindSelector of{workload.group, "", workload.kind};
    const std::string pods = workload.pod_template;
    const bool runs_once = of.group == "batch";  // A Job's selector is its controller's to choose.
    specs.template_labels.push_back({of, pods + "/metadata/labels", true});
    specs.annotations.push_back({of, pods + "/metadata/annotations", true});
    if (of.kind == "CronJob") {
      specs.template_labels.push_back({of, "spec/jobTemplate/metadata/labels", true});
      specs.annotations.push_back({of, "spec/jobTemplate/metadata/annotations", true});
      specs.labels.push_back({of, "spec/jobTemplate/spec/selector/matchLabels"});
    } else if (of.kind != "ReplicationController") {
      specs.labels.push_back({of, "spec/selector/matchLabels", !runs_once});
    }
    for (const char* affinity : {"podAffinity", "podAntiAffinity"}) {
      const std::string base = pods + "/spec/affinity/" + affinity;
      specs.labels.push_back({of, base + "/preferredDuringSchedulingIgnoredDuringExecution/"
                                         "podAffinityTerm/labelSelector/matchLabels"});
      specs.labels.push_back({of, base + "/requiredDuringSchedulingIgnoredDuringExecution/"
                                         "labelSelector/matchLabels"});
    }
    specs.labels.push_back(
        {of, pods + "/spec/topologySpreadConstraints/labelSelector/matchLabels"});
  }
  specs.template_labels.push_back(
      {{"apps", "", "StatefulSet"}, "spec/volumeClaimTemplates[]/metadata/labels", true});
  specs.labels.push_back({{"policy", "", "PodDisruptionBudget"}, "spec/selector/matchLabels"});
  specs.labels.push_back(
      {{"networking.k8s.io", "", "NetworkPolicy"}, "spec/podSelector/matchLabels"});
  specs.labels.push_back(
      {{"networking.k8s.io", "", "NetworkPolicy"}, "spec/ingress/from/podSelector/matchLabels"});
  specs.labels.push_back(
      {{"networking.k8s.io", "", "NetworkPolicy"}, "spec/egress/to/podSelector/matchLabels"});
  for (const char* kind : {"Deployment", "ReplicaSet", "StatefulSet"}) {
    specs.replicas.push_back({{"apps", "", kind}, "spec/replicas", true});
  }
  specs.replicas.push_back({{"", "v1", "ReplicationController"}, "spec/replicas", true});
  return specs;
}

}  // namespace

std::string group_of(const Json& object) {
  const std::string api_version = codec::string_or(object, "apiVersion", "");
  const std::size_t slash = api_version.find('/');
  return slash == std::string::npos ? "" : api_version.substr(0, slash);
}

std::string version_of(const Json& object) {
  const std::string api_version = codec::string_or(object, "apiVersion", "");
  const std::size_t slash = api_version.find('/');
  return slash == std::string::npos ? api_version : api_version.substr(slash + 1);
}

std::string kind_of(const Json& object) {
  return codec::string_or(object, "kind", "");
}

std::string name_of(const Json& object) {
  const Json* metadata = codec::find_key(object, "metadata");
  return metadata == nullptr ? "" : codec::string_or(*metadata, "name", "");
}

std::string namespace_of(const Json& object) {
  const Json* metadata = codec::find_key(object, "metadata");
  return metadata == nullptr ? "" : codec::string_or(*metadata, "namespace", "");
}

bool is_cluster_scoped(const Json& object) {
  static constexpr std::array<std::string_view, 20> kinds = {"Namespace",
                                                             "Node",
                                                             "PersistentVolume",
                                                             "ClusterRole",
                                                             "ClusterRoleBinding",
                                                             "CustomResourceDefinition",
                                                             "StorageClass",
                                                             "PriorityClass",
                                                             "IngressClass",
                                                             "RuntimeClass",
                                                             "APIService",
                                                             "MutatingWebhookConfiguration",
                                                             "ValidatingWebhookConfiguration",
                                                             "ValidatingAdmissionPolicy",
                                                             "ValidatingAdmissionPolicyBinding",
                                                             "CSIDriver",
                                                             "CSINode",
                                                             "VolumeAttachment",
                                                             "CertificateSigningRequest",
                                                             "FlowSchema"};
  return std::ranges::count(kinds, kind_of(object)) > 0;
}

bool KindSelector::matches(const Json& object) const {
  return (kind.empty() || kind == kind_of(object)) &&
         (version.empty() || version == version_of(object)) &&
         (group.empty() || group == group_of(object));
}

void visit_fields(const FieldSpec& spec, Json& object, const std::function<void(Json&)>& visit) {
  if (spec.of.matches(object)) walk(object, spec.path, spec.create, visit);
}

const FieldSpecs& default_field_specs() {
  static const FieldSpecs specs = make_defaults();
  return specs;
}

}  // namespace rage::kustomize
