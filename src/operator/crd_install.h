// Our CustomResourceDefinitions, installed by the operator itself: only if it is asked to, since
// whoever may write CRDs may do nearly everything.
#pragma once

#include "base/context.h"
#include "base/error.h"
#include "kube/client.h"

namespace rage::op {

// Makes those that are missing and updates those that differ, by server-side apply. Their
// conversion stays as it is: the webhook's keeper has it.
Result<void> install_crds(const Context& context, kube::KubeClient& client);

}  // namespace rage::op
