// The restricted pod security standard, for pods that run our own image.
#pragma once

#include "codec/json.h"

namespace rage::op::detail {

inline codec::Json secure_pod_context() {
  return {{"runAsNonRoot", true},
          {"runAsUser", 1000},
          {"runAsGroup", 1000},
          {"fsGroup", 1000},
          // Large volumes are not walked again at every start.
          {"fsGroupChangePolicy", "OnRootMismatch"},
          {"seccompProfile", {{"type", "RuntimeDefault"}}}};
}

inline codec::Json secure_container_context() {
  return {{"allowPrivilegeEscalation", false},
          {"readOnlyRootFilesystem", true},
          {"capabilities", {{"drop", codec::Json::array({"ALL"})}}}};
}

}  // namespace rage::op::detail
