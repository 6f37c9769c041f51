#include "operator/node_index.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "operator/detail/json_path.h"
#include "operator/detail/node_conditions.h"

namespace rage::op {
namespace {

constexpr const char* kGpu = "nvidia.com/gpu";
constexpr const char* kWorkspaceLabel = "kaito.sh/workspace";

void keep_only(Json& object, std::initializer_list<std::string_view> keys) {
  if (!object.is_object()) return;
  for (auto it = object.begin(); it != object.end();) {
    it = std::ranges::find(keys, std::string_view(it.key())) == keys.end() ? object.erase(it)
                                                                           : std::next(it);
  }
}

}  // namespace

int gpus_of_pod(const Json& pod) {
  const std::string phase = detail::text_at(pod, {"status", "phase"});
  if (phase == "Succeeded" || phase == "Failed") return 0;
  int gpus = 0;
  for (const Json& container : detail::list_at(pod, {"spec", "containers"})) {
    // Limits: GPUs cannot be overcommitted, and the API server copies limits to requests.
    gpus += detail::int_at(container, {"resources", "limits", kGpu});
  }
  return gpus;
}

void trim_pod(Json& pod) {
  if (pod.contains("spec")) {
    keep_only(pod["spec"], {"nodeName", "containers"});
    if (pod["spec"].contains("containers") && pod["spec"]["containers"].is_array()) {
      for (Json& container : pod["spec"]["containers"]) keep_only(container, {"name", "resources"});
    }
  }
  if (pod.contains("status")) {
    keep_only(pod["status"], {"phase", "podIP", "reason", "message", "conditions",
                              "containerStatuses", "initContainerStatuses"});
  }
}

void trim_node(Json& node) {
  if (node.contains("status")) keep_only(node["status"], {"allocatable", "capacity", "conditions"});
  if (!node.contains("status") || !node["status"].contains("conditions")) return;
  Json& conditions = node["status"]["conditions"];
  if (!conditions.is_array()) return;
  // Heartbeats change every few minutes and mean nothing to us.
  for (Json& condition : conditions) {
    if (condition.is_object()) condition.erase("lastHeartbeatTime");
  }
}

void NodeIndex::watch(kube::Informer& nodes, kube::Informer& pods) {
  nodes.on_change([this](const kube::Change& change) { on_node(change); });
  pods.on_change([this](const kube::Change& change) { on_pod(change); });
}

void NodeIndex::on_node(const kube::Change& change) {
  if (!change.after) {
    tables_.with([&](Tables& tables) { tables.nodes.erase(change.before->meta().name); });
    return;
  }
  NodeView view = view_node(change.after->document());
  tables_.with([&](Tables& tables) { tables.nodes[view.name] = std::move(view); });
}

void NodeIndex::on_pod(const kube::Change& change) {
  const ObjectMeta& meta = change.latest().meta();
  Claim claim;
  if (change.after) {
    const Json pod = change.after->document();
    claim.gpus = gpus_of_pod(pod);
    claim.node = detail::text_at(pod, {"spec", "nodeName"});
    claim.workspace = {.ns = meta.ns, .name = meta.label(kWorkspaceLabel)};
  }
  tables_.with([&](Tables& tables) {
    forget_pod(tables, meta.uid);
    if (claim.gpus == 0 || claim.node.empty()) return;
    tables.node_of_pod[meta.uid] = claim.node;
    tables.claims[claim.node].emplace_back(meta.uid, claim);
  });
}

void NodeIndex::forget_pod(Tables& tables, const std::string& uid) {
  const auto node = tables.node_of_pod.find(uid);
  if (node == tables.node_of_pod.end()) return;
  auto& claims = tables.claims[node->second];
  std::erase_if(claims, [&](const auto& claim) { return claim.first == uid; });
  tables.node_of_pod.erase(node);
}

void NodeIndex::promise(const ObjectKey& workspace, std::vector<std::string> nodes, int gpus) {
  tables_.with([&](Tables& tables) {
    if (nodes.empty() || gpus == 0) {
      tables.promises.erase(workspace);
    } else {
      tables.promises[workspace] = {.nodes = std::move(nodes), .gpus = gpus};
    }
  });
}

std::vector<NodeView> NodeIndex::matching(const apis::StringMap& selector,
                                          const ObjectKey& workspace) const {
  return tables_.with([&](const Tables& tables) {
    // Of one Workspace on one node, its pods or its promise, whichever is more.
    std::map<std::string_view, std::map<ObjectKey, int>> promised;
    for (const auto& [key, promise] : tables.promises) {
      if (key == workspace) continue;
      for (const std::string& node : promise.nodes) promised[node][key] = promise.gpus;
    }
    std::vector<NodeView> found;
    for (const auto& [name, node] : tables.nodes) {
      if (!detail::has_labels(node.labels, selector)) continue;
      NodeView& view = found.emplace_back(node);
      std::map<ObjectKey, int> bound;
      if (const auto claims = tables.claims.find(name); claims != tables.claims.end()) {
        for (const auto& [uid, claim] : claims->second) {
          if (claim.workspace.name.empty()) view.gpus_used += claim.gpus;
          if (!claim.workspace.name.empty() && claim.workspace != workspace) {
            bound[claim.workspace] += claim.gpus;
          }
        }
      }
      if (const auto others = promised.find(name); others != promised.end()) {
        for (const auto& [key, gpus] : others->second) bound[key] = std::max(bound[key], gpus);
      }
      for (const auto& [key, gpus] : bound) view.gpus_used += gpus;
    }
    return found;
  });
}

}  // namespace rage::op
