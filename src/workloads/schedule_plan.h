// Which node a pod runs on. Pure. Source: Kubernetes, "Assigning Pods to Nodes", "Taints and
// Tolerations", "Resource Management for Pods and Containers".
//
// Looked at: Ready, cordoned, nodeSelector, required node affinity, taints, requests against
// allocatable, the number of pods, whether its claims exist. Not looked at: affinity to pods,
// spread constraints, what is only preferred.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "workloads/plan.h"

namespace rage::workloads {

// What is requested or offered, by resource; CPUs in cores, memory in bytes.
using Resources = std::map<std::string, double>;

// Of all containers: the sum, or the largest init container if that is more, and the overhead.
Resources requests_of(const Json& pod);

struct ScheduleObservation {
  Json pod;
  std::vector<Json> nodes;
  std::map<std::string, Resources> used;  // By node, of its unfinished pods; "pods" counts them.
  std::vector<std::string> claims;        // Names of its namespace's PersistentVolumeClaims.
  WallTime now;
};

// Sets spec.nodeName and the condition PodScheduled, or the condition with the reasons, as in
// upstream's words: "0/2 nodes are available: 1 Insufficient nvidia.com/gpu, ...". A pod whose node
// is gone is marked Failed and deleted.
Plan plan_schedule(const ScheduleObservation& observed);

}  // namespace rage::workloads
