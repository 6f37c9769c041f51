// How many Workspaces an InferenceSet has, which go, and which get the new template next. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apis/inference_set.h"
#include "operator/detail/replica.h"

namespace rage::op::detail {

// The children of a set at one moment. Value; borrows the Workspaces.
struct Replicas {
  int desired = 0;
  std::vector<Replica> live;         // Not deleting; in order of creation.
  std::vector<Replica> terminating;  // They still hold their nodes.

  int ready() const;
  int old() const;  // Live ones without the set's template.
  // The first live one that has the template and fails; null if none.
  const Replica* failing() const;
};

// Indexes into Replicas::live.
struct ReplicaPlan {
  std::vector<std::size_t> update;  // Patch to the template.
  std::vector<std::size_t> remove;
  int create = 0;
  bool stalled = false;       // A replica with the new template fails: nobody else gets it.
  std::string limit_reached;  // Why fewer are created than the set asks for; empty if not so.
};

// The indexes of `live` that go, so that `surplus` fewer are left, best first; fewer of them if
// more would cost service. Order: an old template or image before the new, not ready before ready,
// youngest first. A ready one stays if fewer than `desired` ready ones were left. Up to `surge` new
// ones that are not ready yet stay while old ones wait to be replaced by them.
std::vector<std::size_t> choose_scale_down(const std::vector<Replica>& live, int desired,
                                           int surplus, int surge);

// What happens now. `surge_for_image`: one extra replica at a time may replace an old image.
ReplicaPlan plan_replicas(const Replicas& replicas, const apis::InferenceSet& set,
                          bool surge_for_image);

}  // namespace rage::op::detail
