#include "operator/node_index.h"

#include <algorithm>
#include <optional>
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
  const std::string& name = change.latest().meta().name;
  std::optional<NodeView> view;
  if (change.after) view = view_node(change.after->document());
  tables_.with([&](Tables& tables) {
    OnNode& node = tables.nodes[name];
    node.view = std::move(view);
    if (!node.view && node.holdings.empty()) tables.nodes.erase(name);
  });
}

void NodeIndex::on_pod(const kube::Change& change) {
  const ObjectMeta& meta = change.latest().meta();
  Claim claim;
  if (change.after) {
    const Json pod = change.after->document();
    claim.gpus = gpus_of_pod(pod);
    claim.node = detail::text_at(pod, {"spec", "nodeName"});
    const std::string workspace = meta.label(kWorkspaceLabel);
    if (!workspace.empty()) claim.workspace = {.ns = meta.ns, .name = workspace};
  }
  tables_.with([&](Tables& tables) {
    forget_pod(tables, meta.uid);
    if (claim.gpus == 0 || claim.node.empty()) return;
    change_holding(tables, claim.node, claim.workspace,
                   [&](Holding& holding) { holding.bound += claim.gpus; });
    tables.pods[meta.uid] = std::move(claim);
  });
}

template <class Change>
void NodeIndex::change_holding(Tables& tables, const std::string& node, const ObjectKey& workspace,
                               Change change) {
  OnNode& on_node = tables.nodes[node];
  Holding& holding = on_node.holdings[workspace];
  on_node.gpus_used -= holding.gpus();
  change(holding);
  on_node.gpus_used += holding.gpus();
  if (holding.gpus() == 0) on_node.holdings.erase(workspace);
  if (!on_node.view && on_node.holdings.empty()) tables.nodes.erase(node);
}

void NodeIndex::forget_pod(Tables& tables, const std::string& uid) {
  const auto pod = tables.pods.find(uid);
  if (pod == tables.pods.end()) return;
  const Claim& claim = pod->second;
  change_holding(tables, claim.node, claim.workspace,
                 [&](Holding& holding) { holding.bound -= claim.gpus; });
  tables.pods.erase(pod);
}

void NodeIndex::promise(const ObjectKey& workspace, std::vector<std::string> nodes, int gpus) {
  if (gpus == 0) nodes.clear();
  tables_.with([&](Tables& tables) {
    Promise& promise = tables.promises[workspace];
    const auto hold = [&](int promised) {
      for (const std::string& node : promise.nodes) {
        change_holding(tables, node, workspace,
                       [&](Holding& holding) { holding.promised = promised; });
      }
    };
    hold(0);
    promise = {.nodes = std::move(nodes), .gpus = gpus};
    hold(gpus);
    if (promise.nodes.empty()) tables.promises.erase(workspace);
  });
}

std::vector<NodeView> NodeIndex::matching(const apis::StringMap& selector,
                                          const ObjectKey& workspace) const {
  return tables_.with([&](const Tables& tables) {
    std::vector<NodeView> found;
    for (const auto& [name, node] : tables.nodes) {
      if (!node.view || !detail::has_labels(node.view->labels.get(), selector)) continue;
      NodeView& view = found.emplace_back(*node.view);
      view.gpus_used = node.gpus_used;
      const auto own = node.holdings.find(workspace);
      if (own != node.holdings.end() && !workspace.name.empty()) {
        view.gpus_used -= own->second.gpus();
      }
    }
    return found;
  });
}

}  // namespace rage::op
