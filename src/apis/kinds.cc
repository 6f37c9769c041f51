#include "apis/kinds.h"

#include <algorithm>
#include <array>

#include "base/check.h"

namespace rage::apis {
namespace {

ResourceType kaito(std::string_view version, std::string_view kind, std::string_view plural,
                   bool namespaced) {
  return {.group = "kaito.sh",
          .version = std::string(version),
          .kind = std::string(kind),
          .plural = std::string(plural),
          .namespaced = namespaced};
}

const auto& builtin_types() {
  static const std::array<ResourceType, 19> types = {{
      {"", "v1", "Pod", "pods", true},
      {"", "v1", "Node", "nodes", false},
      {"", "v1", "Service", "services", true},
      {"", "v1", "ConfigMap", "configmaps", true},
      {"", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", true},
      {"", "v1", "Secret", "secrets", true},
      {"", "v1", "Event", "events", true},
      {"", "v1", "Namespace", "namespaces", false},
      {"apps", "v1", "StatefulSet", "statefulsets", true},
      {"apps", "v1", "Deployment", "deployments", true},
      {"apps", "v1", "ControllerRevision", "controllerrevisions", true},
      {"batch", "v1", "Job", "jobs", true},
      {"batch", "v1", "CronJob", "cronjobs", true},
      {"coordination.k8s.io", "v1", "Lease", "leases", true},
      {"apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions",
       false},
      {"admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration",
       "validatingwebhookconfigurations", false},
      {"karpenter.sh", "v1", "NodeClaim", "nodeclaims", false},
      {"karpenter.sh", "v1", "NodePool", "nodepools", false},
      {"inference.networking.k8s.io", "v1", "InferencePool", "inferencepools", true},
  }};
  return types;
}

}  // namespace

const ResourceType& workspace_type() {
  static const ResourceType type = kaito("v1beta1", "Workspace", "workspaces", true);
  return type;
}

const ResourceType& inference_set_type() {
  static const ResourceType type = kaito("v1beta1", "InferenceSet", "inferencesets", true);
  return type;
}

const ResourceType& rag_engine_type() {
  static const ResourceType type = kaito("v1beta1", "RAGEngine", "ragengines", true);
  return type;
}

const ResourceType& model_mirror_type() {
  static const ResourceType type = kaito("v1alpha1", "ModelMirror", "modelmirrors", false);
  return type;
}

const ResourceType& multi_role_inference_type() {
  static const ResourceType type =
      kaito("v1alpha1", "MultiRoleInference", "multiroleinferences", true);
  return type;
}

const ResourceType& auto_indexer_type() {
  static const ResourceType type = kaito("v1alpha1", "AutoIndexer", "autoindexers", true);
  return type;
}

const ResourceType& builtin_type(std::string_view kind) {
  const auto it = std::ranges::find(builtin_types(), kind, &ResourceType::kind);
  CHECK(it != builtin_types().end());
  return *it;
}

}  // namespace rage::apis
