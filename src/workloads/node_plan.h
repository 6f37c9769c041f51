// Nodes of the local platform: the base one, and one for each karpenter.sh/v1 NodeClaim. All of
// them are this machine. Pure. Source: Karpenter, "NodeClaims"; core/v1 Node.
#pragma once

#include <string>

#include "workloads/plan.h"

namespace rage::workloads {

// On every Node that the node agent serves.
inline constexpr const char* kLocalNodeLabel = "rage.dev/local";  // "true"
inline constexpr const char* kBaseNodeName = "local";

// What a Node of this machine offers. Requests are promises that processes here do not reserve, so
// CPUs are offered several times over.
struct LocalCapacity {
  double cpus = 1;                 // Of the machine.
  std::uint64_t memory_bytes = 0;  // Of the machine.
  double cpu_overcommit = 4;       // allocatable = cpus * this.
  int pods = 250;
};

// `node` null: absent. Creates the base Node or repairs its labels and the CPUs it offers; the rest
// of its status is stated when it is made and belongs to the node agent then.
Plan plan_base_node(const Json& node, const LocalCapacity& capacity, WallTime now);

struct NodeClaimObservation {
  Json claim;
  Json node;  // Of the claim's name; null: absent.
  LocalCapacity capacity;
  WallTime now;
};

// A Ready Node of the claim's name, owned by the claim (so that it goes with it), with the claim's
// labels, its requirements of one value, its taints, and the GPUs of its instance type, stated
// though none are here: what runs there is a substitute and says so. The claim is Ready.
Plan plan_node_claim(const NodeClaimObservation& observed);

}  // namespace rage::workloads
