// From manifests to something that serves: what is read, what is waited for, and what it says
// meanwhile.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "codec/json.h"
#include "kube/client.h"
#include "platform/apply.h"

namespace rage::platform {

// Objects of manifests (`-f`) and of kustomizations (`-k`), in the order given.
Result<std::vector<Json>> gather_manifests(const std::vector<std::string>& files,
                                           const std::vector<std::string>& kustomizations);

// Value. How far an object is.
struct Readiness {
  enum class State { kReady, kPending, kNothingToWaitFor };
  State state = State::kNothingToWaitFor;
  std::string why = {};  // Of what is pending: "1/2 ready", "ContainerCrashLoopBackOff: ...".
};

// Pure. By the kind: a condition of ours, counts of a workload, Programmed of a Gateway.
Readiness readiness_of(const Json& object);

// A pending object says something else than before, or became ready.
using OnProgress = std::function<void(const AppliedObject& object, const Readiness& readiness)>;

// Until all are ready. kDeadlineExceeded names those that are not, and why.
Result<void> wait_ready(const Context& context, kube::KubeClient& client, Clock& clock,
                        const std::vector<AppliedObject>& objects, const OnProgress& on_progress);

}  // namespace rage::platform
