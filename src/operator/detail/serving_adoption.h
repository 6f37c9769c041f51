// Keeping what must or should not change in a StatefulSet that exists.
//
// - Immutable fields: selector, serviceName, volumeClaimTemplates, podManagementPolicy.
// - What means the same: commands whose flags differ in order only, node affinity likewise.
// - While the revision is the same, what made running pods is good enough: init containers of the
//   same name and image (scripts are not part of upstream's contract). A new revision restarts the
//   pods anyway and takes everything new.
// - rage.dev/config-hash reaches the pods when it changes; merely starting to track it must not
//   restart them, so the first one is noted at the StatefulSet alone.
#pragma once

#include "operator/serving.h"

namespace rage::op::detail {

// Changes `wanted`, a rendered StatefulSet. `observed` may be null.
void adopt(const ServingRequest& request, const Json& observed, Json& wanted);

// Whether `observed` has a claim template for weights; such a set must go on using it.
bool has_weights_claim(const Json& observed);

}  // namespace rage::op::detail
