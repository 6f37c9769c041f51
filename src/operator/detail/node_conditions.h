// What the three ways to get nodes share: owner labels and the conditions that describe nodes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "operator/nodes.h"

namespace rage::op::detail {

// One condition's verdict. A reason is upstream's, the message is for people.
struct NodeFact {
  bool ok = false;
  std::string reason;
  std::string message;
};

constexpr std::size_t kMessageBytesMax = 256;
// Cut to kMessageBytesMax at a character boundary.
std::string shortened(std::string text);

inline constexpr std::string_view kNodesReadyReason = "NodesReady";
inline constexpr std::string_view kNodeNotReadyReason = "NodeNotReady";
inline constexpr std::string_view kPluginsNotReadyReason = "NodePluginsNotReady";
inline constexpr std::string_view kEnoughNodes = "Enough Nodes are ready";
inline constexpr std::string_view kNotEnoughNodes = "Not enough Nodes are ready";
inline constexpr std::string_view kNodeClaim = "NodeClaim";

// Sets NodesReady, NodeClaimReady (`claims` none: to be removed) and ResourceReady, and `ready`.
void conclude(NodeVerdict& verdict, const NodeDemand& demand, const NodeFact& nodes,
              const std::optional<NodeFact>& claims, std::string_view now);

// kaito.sh/workspace and kaito.sh/workspacenamespace, or ragengine's.
apis::StringMap owner_labels(const NodeDemand& demand);
// karpenter.kaito.sh/workspace-name and -namespace.
apis::StringMap pool_labels(const NodeDemand& demand);
bool has_labels(const apis::StringMap& labels, const apis::StringMap& wanted);
std::string pool_name(const NodeDemand& demand);
// The observed NodePool exists and is this owner's: two owners' names can make one pool's.
bool owns_pool(const NodeDemand& demand, const Json& pool);

// Ready, not on its way out, and of that instance type.
bool is_usable(const NodeView& node, std::string_view instance_type);
// The first claim that tells why it is not ready; `needed` ready ones are enough.
NodeFact judge_claims(const std::vector<const NodeClaimView*>& claims, int needed);
// Enough usable nodes, and GPUs shown on each if the pods ask for any. `nodes` are the owner's.
NodeFact judge_nodes(const NodeDemand& demand, const std::vector<const NodeView*>& nodes);
// Patches that label usable nodes accelerator=nvidia, as upstream's device plugin expects.
void label_accelerators(NodeVerdict& verdict, const NodeDemand& demand,
                        const std::vector<const NodeView*>& nodes);
// Requirements and taints of a NodeClaim or a NodePool's template. Every serving pod tolerates
// them.
Json gpu_taints();
Json in_requirement(std::string_view key, std::string_view value);

NodeVerdict plan_own_nodes(const NodeDemand& demand, const NodeObservation& observed,
                           std::string_view now);
NodeVerdict plan_node_claims(const NodeDemand& demand, const NodeObservation& observed,
                             const Settings& settings, std::string_view now);
NodeVerdict plan_node_pool(const NodeDemand& demand, const NodeObservation& observed,
                           const Settings& settings, std::string_view now);

}  // namespace rage::op::detail
