// A cluster in memory, just enough to carry out what plan_workspace() decides and to see whether
// deciding ever ends: changes are applied, machines and pods appear, then it plans again.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "apis/kinds.h"
#include "operator/json_compare.h"
#include "operator/workspace_plan.h"

namespace rage::op {

inline constexpr const char* kTestNow = "2026-01-01T00:00:00Z";
inline constexpr const char* kTestLater = "2026-01-01T01:00:00Z";

inline Json parse_for_test(const char* text) {
  return Json::parse(text);
}

// Workspace "w" in "default", 1 node of any kind, labels apps=x; `body` is merged in.
inline Json a_workspace(const char* body) {
  Json document = parse_for_test(R"({
    "apiVersion": "kaito.sh/v1beta1", "kind": "Workspace",
    "metadata": {"name": "w", "namespace": "default", "uid": "uid-1", "generation": 1,
                 "resourceVersion": "1"},
    "resource": {"count": 1, "labelSelector": {"matchLabels": {"apps": "x"}}}})");
  document.merge_patch(parse_for_test(body));
  return document;
}

// One A100, ready and free.
inline NodeView a_node(std::string name) {
  NodeView node{.name = std::move(name), .ready = true, .gpus_capacity = 1};
  node.labels = NodeLabels({{"apps", "x"},
                            {"nvidia.com/gpu.product", "NVIDIA-A100-SXM4-80GB"},
                            {"nvidia.com/gpu.count", "1"},
                            {"nvidia.com/gpu.memory", "81920"}});
  return node;
}

class ClusterForTest {
 public:
  Json workspace;
  WorkspaceObservation observed;
  Settings settings;
  std::vector<PlannedEvent> events;

  // Of an installation: the chart brings the templates.
  ClusterForTest() { observed.tuning_template["data"] = {{"training_config.yaml", ""}}; }

  apis::Workspace parsed() const {
    auto result = apis::parse_workspace(workspace);
    return result ? *std::move(result) : apis::Workspace{};
  }
  Plan plan(std::string_view now = kTestNow) const {
    return plan_workspace(parsed(), observed, settings, now);
  }

  // Carries out one plan; false if it changed nothing.
  bool step(std::string_view now = kTestNow) {
    const Plan plan = this->plan(now);
    for (const Change& change : plan.changes) {
      std::visit([this](const auto& one) { carry_out(one); }, change);
    }
    events.insert(events.end(), plan.events.begin(), plan.events.end());
    const Json before = workspace.contains("status") ? workspace["status"] : Json();
    workspace["status"] = plan.status;
    return !plan.changes.empty() || !same_json(before, plan.status);
  }

  // Rounds until nothing changes, machines and pods included; `rounds_max` if it never ends.
  int settle(int rounds_max = 20) {
    for (int round = 1; round < rounds_max; ++round) {
      const bool planned = step();
      const bool machines = run_machines();
      const bool pods = run_pods();
      if (!planned && !machines && !pods) return round;
    }
    return rounds_max;
  }

  std::string state() const { return codec::string_or(workspace["status"], "state", ""); }
  apis::Condition condition(std::string_view type) const {
    const apis::Conditions all = apis::parse_conditions(workspace["status"]);
    const apis::Condition* found = apis::find_condition(all, type);
    return found == nullptr ? apis::Condition{} : *found;
  }
  bool is_true(std::string_view type) const {
    return condition(type).status == apis::ConditionStatus::kTrue;
  }

  // NodeClaims and NodePools become ready nodes.
  bool run_machines() {
    bool acted = false;
    for (NodeClaimView& claim : observed.nodes.claims) {
      if (claim.ready) continue;
      claim.ready = acted = true;
      claim.node_name = "node-of-" + claim.meta.name;
      add_machine(claim.node_name, claim.meta.labels);
    }
    const Json& pool = observed.nodes.node_pool;
    if (!pool.is_object()) return acted;
    apis::StringMap labels;
    for (const auto& [key, value] : pool["spec"]["template"]["metadata"]["labels"].items()) {
      labels[key] = value.get<std::string>();
    }
    for (int i = pooled_; i < pool["spec"]["replicas"].get<int>(); ++i, ++pooled_, acted = true) {
      const std::string name = "pooled-" + std::to_string(i);
      NodeClaimView claim{.ready = true, .node_name = name};
      claim.meta.name = name;
      claim.meta.labels = labels;
      observed.nodes.claims.push_back(claim);
      add_machine(name, labels);
    }
    return acted;
  }

  // The StatefulSet's or Job's pods start and become ready.
  bool run_pods() {
    bool acted = false;
    if (Json& set = observed.stateful_set; set.is_object()) {
      const Json status = {{"observedGeneration", set["metadata"]["generation"]},
                           {"updatedReplicas", set["spec"]["replicas"]},
                           {"readyReplicas", set["spec"]["replicas"]}};
      acted = !set.contains("status") || !same_json(set["status"], status);
      set["status"] = status;
    }
    if (Json& job = observed.tuning_job; job.is_object() && !job.contains("status")) {
      job["status"] = {{"succeeded", 1}};
      acted = true;
    }
    return acted;
  }

 private:
  Json& slot(const Json& object) {
    const std::string kind = codec::string_or(object, "kind", "");
    if (kind == "StatefulSet") return observed.stateful_set;
    if (kind == "Job") return observed.tuning_job;
    if (kind == "ConfigMap") return observed.tuning_config;
    if (kind == "NodePool") return observed.nodes.node_pool;
    const bool headless = object["metadata"]["name"].get<std::string>().ends_with("-headless");
    return headless ? observed.headless_service : observed.service;
  }

  void carry_out(const ApplyObject& change) {
    Json& have = slot(change.object);
    Json next = change.object;
    const bool same_spec = have.is_object() && same_json(have["spec"], next["spec"]);
    const int generation = have.is_object() ? have["metadata"]["generation"].get<int>() : 0;
    next["metadata"]["generation"] = same_spec ? generation : generation + 1;
    if (have.is_object() && have.contains("status")) next["status"] = have["status"];
    have = std::move(next);
  }
  void carry_out(const CreateObject& change) {
    if (change.type.kind == "ControllerRevision") {
      observed.revision_documents.push_back(change.object);
    } else if (change.type.kind == "NodeClaim") {
      observed.nodes.claims.push_back(view_node_claim(change.object));
    } else {
      slot(change.object) = change.object;
    }
  }
  void carry_out(const DeleteObject& change) {
    if (change.type.kind == "Job") observed.tuning_job = Json();
    if (change.type.kind == "NodePool") observed.nodes.node_pool = Json();
    std::erase_if(observed.nodes.claims, [&](const NodeClaimView& claim) {
      return change.type.kind == "NodeClaim" && claim.meta.name == change.key.name;
    });
  }
  void carry_out(const PatchObject& change) {
    if (change.type.kind == "Workspace") {
      workspace.merge_patch(change.patch);
      return;
    }
    for (NodeView& node : observed.nodes.nodes) {
      if (node.name == change.key.name) node.labels.set("accelerator", "nvidia");
    }
  }

  void add_machine(const std::string& name, const apis::StringMap& labels) {
    NodeView node = a_node(name);
    node.instance_type = parsed().resource.instance_type;
    for (const auto& [key, value] : labels) node.labels.set(key, value);
    observed.nodes.nodes.push_back(node);
    std::ranges::sort(observed.nodes.nodes, {}, &NodeView::name);
  }

  int pooled_ = 0;
};

}  // namespace rage::op
