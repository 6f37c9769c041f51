// What several reconcilers read of Deployments.
#pragma once

#include "operator/detail/json_path.h"

namespace rage::op::detail {

// Its newest template is rolled out, and a pod of it answers.
inline bool is_serving(const Json& deployment) {
  return int_at(deployment, {"status", "observedGeneration"}) >=
             int_at(deployment, {"metadata", "generation"}) &&
         int_at(deployment, {"status", "updatedReplicas"}) >= 1 &&
         int_at(deployment, {"status", "readyReplicas"}) >= 1;
}

}  // namespace rage::op::detail
