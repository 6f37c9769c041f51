// A small cluster where all is well, for tests to break one thing at a time: Workspace default/phi
// with a StatefulSet and a pod on node gpu-0, an operator with a fresh Lease, all CRDs.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "apis/schema.h"
#include "base/check.h"
#include "inspect/world.h"

namespace rage::inspect {

inline const WallTime kNow =
    std::chrono::sys_days(std::chrono::year(2026) / 1 / 1) + std::chrono::hours(1);

inline Json json_of(std::string_view text) {
  auto json = codec::parse_json(text);
  CHECK(json.has_value());
  return *std::move(json);
}

inline Json an_object(const char* version, const char* kind, const char* name) {
  return {{"apiVersion", version},
          {"kind", kind},
          {"metadata",
           {{"name", name},
            {"namespace", "default"},
            {"uid", std::string(kind) + "-" + name},
            {"creationTimestamp", "2026-01-01T00:00:00Z"},
            {"generation", 1}}}};
}

inline void own(const Json& owner, Json& child) {
  child["metadata"]["ownerReferences"] = Json::array({{{"apiVersion", owner["apiVersion"]},
                                                       {"kind", owner["kind"]},
                                                       {"name", owner["metadata"]["name"]},
                                                       {"uid", owner["metadata"]["uid"]},
                                                       {"controller", true}}});
}

inline void set_condition(Json& object, const char* type, const char* status, const char* reason,
                          const char* message) {
  Json& list = object["status"]["conditions"];
  if (!list.is_array()) list = Json::array();
  for (auto it = list.begin(); it != list.end();) {
    it = (*it)["type"] == type ? list.erase(it) : std::next(it);
  }
  list.push_back({{"type", type},
                  {"status", status},
                  {"reason", reason},
                  {"message", message},
                  {"lastTransitionTime", "2026-01-01T00:30:00Z"}});
}

inline Json a_workspace(const char* name) {
  Json workspace = an_object("kaito.sh/v1beta1", "Workspace", name);
  workspace["resource"] = {{"count", 1}, {"labelSelector", {{"matchLabels", {{"apps", name}}}}}};
  workspace["inference"] = {{"preset", {{"name", "phi-4"}}}};
  set_condition(workspace, "ResourceReady", "True", "workspaceResourceStatusSuccess", "ready");
  set_condition(workspace, "WorkspaceSucceeded", "True", "workspaceSucceeded",
                "workspace succeeds");
  return workspace;
}

inline Json a_gpu_pod(const char* name, const char* node, int gpus) {
  Json pod = an_object("v1", "Pod", name);
  pod["spec"] = {
      {"nodeName", node},
      {"containers",
       Json::array({{{"name", "model"},
                     {"image", "registry/model:1"},
                     {"resources", {{"limits", {{"nvidia.com/gpu", std::to_string(gpus)}}}}}}})},
      {"tolerations", Json::array({{{"key", "sku"}, {"operator", "Exists"}}})}};
  pod["status"] = {
      {"phase", "Running"},
      {"containerStatuses",
       Json::array({{{"name", "model"},
                     {"ready", true},
                     {"started", true},
                     {"restartCount", 0},
                     {"state", {{"running", {{"startedAt", "2026-01-01T00:10:00Z"}}}}}}})}};
  set_condition(pod, "PodScheduled", "True", "Scheduled", "");
  set_condition(pod, "Ready", "True", "", "");
  return pod;
}

inline Json a_node(const char* name, const char* apps, int gpus) {
  Json node = an_object("v1", "Node", name);
  node["metadata"].erase("namespace");
  node["metadata"]["labels"] = {{"apps", apps}};
  node["spec"] = Json::object();
  node["status"] = {{"allocatable", {{"cpu", "8"}, {"nvidia.com/gpu", std::to_string(gpus)}}}};
  set_condition(node, "Ready", "True", "KubeletReady", "");
  return node;
}

inline Json an_event(const Json& about, const char* reason, const char* message) {
  Json event = an_object("v1", "Event", reason);
  event["involvedObject"] = {{"kind", about["kind"]},
                             {"name", about["metadata"]["name"]},
                             {"namespace", "default"},
                             {"uid", about["metadata"]["uid"]}};
  event["type"] = "Warning";
  event["reason"] = reason;
  event["message"] = message;
  event["lastTimestamp"] = "2026-01-01T00:55:00Z";
  return event;
}

inline Json a_definition(const apis::KindDescription& kind) {
  Json definition = an_object("apiextensions.k8s.io/v1", "CustomResourceDefinition",
                              (kind.type.plural + ".kaito.sh").c_str());
  definition["metadata"].erase("namespace");
  definition["spec"] = {
      {"group", "kaito.sh"},
      {"versions", Json::array({{{"name", kind.type.version}, {"served", true}}})}};
  return definition;
}

inline World a_world() {
  World world;
  for (const char* kind :
       {"InferenceSet", "RAGEngine", "ModelMirror", "MultiRoleInference", "AutoIndexer",
        "PersistentVolumeClaim", "Event", "NodeClaim", "ResourceQuota", "StorageClass", "Service",
        "ValidatingWebhookConfiguration"}) {
    world.documents[kind] = {};
  }
  Json workspace = a_workspace("phi");
  Json set = an_object("apps/v1", "StatefulSet", "phi");
  own(workspace, set);
  set["spec"] = {{"replicas", 1}};
  set["status"] = {{"readyReplicas", 1}};
  Json pod = a_gpu_pod("phi-0", "gpu-0", 1);
  own(set, pod);
  world.documents["Workspace"] = {workspace};
  world.documents["StatefulSet"] = {set};
  world.documents["Pod"] = {pod};
  world.documents["Node"] = {a_node("gpu-0", "phi", 1)};
  Json lease = an_object("coordination.k8s.io/v1", "Lease", "ef60f9b0.io");
  lease["spec"] = {{"holderIdentity", "operator-1"},
                   {"leaseDurationSeconds", 15},
                   {"renewTime", "2026-01-01T00:59:55.123456Z"}};
  world.documents["Lease"] = {lease};
  for (const apis::KindDescription& kind : apis::kind_descriptions()) {
    world.documents["CustomResourceDefinition"].push_back(a_definition(kind));
  }
  return world;
}

}  // namespace rage::inspect
