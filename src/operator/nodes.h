// Nodes for a Workspace: found among those that exist (bring your own), or ordered from Karpenter
// (NodeClaims one by one, or a static NodePool). Pure: observed values in, wanted objects out.
//
// A gang is placed whole or not at all: with fewer than `count` nodes nothing counts, so that two
// Workspaces cannot each hold half of what both need. Whoever observes counts GPUs that another
// Workspace was promised (its status.workerNodes) as used before its pods are bound.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apis/workspace.h"
#include "catalog/gpu.h"
#include "operator/plan.h"
#include "operator/settings.h"

namespace rage::op {

// One node as the scheduler would see it.
// Value. Copies share the map until one is edited: a plan may look at thousands of nodes.
class NodeLabels final {
 public:
  NodeLabels() = default;
  explicit NodeLabels(apis::StringMap map)
      : map_(std::make_shared<const apis::StringMap>(std::move(map))) {}
  const apis::StringMap& get() const { return *map_; }
  void set(const std::string& key, std::string value) {
    edit([&](apis::StringMap& map) { map[key] = std::move(value); });
  }
  void erase(const std::string& key) {
    edit([&](apis::StringMap& map) { map.erase(key); });
  }

 private:
  template <class Change>
  void edit(Change change) {
    apis::StringMap map = *map_;
    change(map);
    map_ = std::make_shared<const apis::StringMap>(std::move(map));
  }

  std::shared_ptr<const apis::StringMap> map_ = std::make_shared<const apis::StringMap>();
};

struct NodeView {
  std::string name;
  bool ready = false;
  bool deleting = false;
  bool cordoned = false;
  std::string instance_type;
  NodeLabels labels;
  int gpus_capacity = 0;              // nvidia.com/gpu, allocatable.
  int gpus_used = 0;                  // Requested by pods of others on it.
  std::vector<std::string> pressure;  // "DiskPressure", ...
};

struct NodeClaimView {
  ObjectMeta meta;
  bool ready = false;
  std::string node_name;
  std::string
      reason;  // Of the first condition that is not True: Launched, Registered, Initialized.
  std::string message;
};

struct NodeObservation {
  std::vector<NodeView> nodes;        // Matching the selector; sorted by name.
  std::vector<NodeClaimView> claims;  // Of this workspace.
  Json node_pool;                     // Null if none.
};

// What is wanted of one Workspace (or RAGEngine).
struct NodeDemand {
  ResourceType owner_type;
  const ObjectMeta& owner;
  const apis::ResourceSpec& resource;
  int count = 1;          // Nodes.
  int gpus_per_node = 0;  // What its pod will ask for.
  std::string disk = "1024Gi";
  // Nodes it has, best first: where its pods run, then what its status says. It keeps them.
  std::vector<std::string> held = {};
};

// Nodes are found, not ordered: the provisioner says so, or no instance type was given (as in a
// Workspace from before the provisioner was switched on).
bool brings_own_nodes(const apis::ResourceSpec& resource, const Settings& settings);

// Why fewer than `count` of `nodes` will do and what to do, for a message:
// "2 of 3 nodes matching {apps=x} are ready and have 1 free GPU: node-b has 0 of 1 GPUs free".
std::string describe_own_nodes(const NodeDemand& demand, const std::vector<NodeView>& nodes);

struct NodeVerdict {
  std::vector<Change> changes;
  std::vector<PlannedEvent> events;
  bool ready = false;                     // Enough nodes are there, ready and free.
  std::vector<std::string> worker_nodes;  // Sorted. Bring your own: those chosen, or none.
  apis::Conditions conditions;            // NodesReady, NodeClaimReady (not BYO), ResourceReady.
  apis::StringMap node_selector;          // What a pod must ask for to land on them.
  std::vector<std::string> remove_conditions;
};

NodeVerdict plan_nodes(const NodeDemand& demand, const NodeObservation& observed,
                       const Settings& settings, std::string_view now);

// NodeClaims or the NodePool that belong to it.
std::vector<Change> plan_node_release(const NodeDemand& demand, const NodeObservation& observed,
                                      const Settings& settings);

// Readers of the informers' documents.
NodeView view_node(const Json& node);
NodeClaimView view_node_claim(const Json& claim);

}  // namespace rage::op
